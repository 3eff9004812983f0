// How long the official SDK needs from connect() to the first output of a command on a fresh rental, with the latencies
// of a near provider unless GOLEM_DEVNET_LATENCIES says otherwise.
// usage: node golem-js-start.mjs [COUNT]
process.env.GOLEM_DEVNET_LATENCIES ??= "default";
const { Devnet, GolemNetwork, order } = await import("../golem-js/devnet.mjs");
const { report } = await import("./figures.mjs");

const count = Number(process.argv[2] ?? 5);
const devnet = await Devnet.start();
const times = [];
try {
  for (let i = 0; i < count; i++) {
    const begin = performance.now();
    const glm = new GolemNetwork();
    await glm.connect();
    const rental = await glm.oneOf({ order: order() });
    const exe = await rental.getExeUnit();
    const { stdout } = await exe.run("echo first");
    times.push(performance.now() - begin);
    if (stdout !== "first\n") throw new Error(`unexpected output: ${stdout}`);
    await rental.stopAndFinalize();
    await glm.disconnect();
  }
  report("golem-js, connect + oneOf + run", times);
} finally {
  await devnet.stop();
}
