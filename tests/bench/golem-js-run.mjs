// How long the official SDK needs for `true` on a ready instance, and beside it the bare calls on the same one.
// usage: node golem-js-run.mjs [COUNT]      BARE_REST: the program (build/tests/bench/bare-rest)
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Devnet, GolemNetwork, appkey, order } from "../golem-js/devnet.mjs";
import { report, resident } from "./figures.mjs";

const count = Number(process.argv[2] ?? 50);
const bareRest =
  process.env.BARE_REST ?? fileURLToPath(new URL("../../build/tests/bench/bare-rest", import.meta.url));

const devnet = await Devnet.start();
const glm = new GolemNetwork();
try {
  await glm.connect();
  const rental = await glm.oneOf({ order: order() });
  const exe = await rental.getExeUnit();
  const times = [];
  for (let i = 0; i < count; i++) {
    const begin = performance.now();
    const result = await exe.run("true");
    times.push(performance.now() - begin);
    if (result.result !== "Ok") throw new Error(result.message);
  }
  report("golem-js, exe.run('true')", times);
  console.log(JSON.stringify({ figure: "golem-js, RSS with one instance", kib: resident(process.pid) }));
  const bare = [devnet.url, appkey, exe.activity.id, String(Math.max(count, 100))];
  process.stdout.write(execFileSync(bareRest, bare));
  await rental.stopAndFinalize();
} finally {
  await glm.disconnect();
  await devnet.stop();
}
