// Starts a golem-devnet of one's own and points the SDK at it, the way a user does: by the environment.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

export { GolemNetwork } from "@golem-sdk/golem-js";

const top = fileURLToPath(new URL("../..", import.meta.url));
const program = resolve(process.env.GOLEM_DEVNET ?? `${top}/build/tests/devnet/golem-devnet`);
// "fast" or "default": with or without the latencies of a near provider.
export const latencies = process.env.GOLEM_DEVNET_LATENCIES ?? "fast";

export const appkey = "key-of-the-tests";
const subnet = "tests";

// Where it listens; rejects when it ends before it does.
function listening(child) {
  return new Promise((found, failed) => {
    let text = "";
    const read = (data) => {
      text += data;
      const url = /^listening on (\S+)\n/m.exec(text);
      if (url) found(url[1]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("error", failed);
    child.once("exit", (code, signal) => failed(new Error(`golem-devnet ended (${code ?? signal}): ${text}`)));
  });
}

export class Devnet {
  static async start(...options) {
    const devnet = new Devnet();
    const mode = latencies === "fast" ? ["--fast"] : [];
    const args = ["--listen", "127.0.0.1:0", "--appkey", appkey, "--subnet", subnet, "--with-parent"];
    devnet.child = spawn(program, [...args, ...mode, ...options], { stdio: ["ignore", "pipe", "pipe"] });
    devnet.url = await listening(devnet.child);
    Object.assign(process.env, {
      YAGNA_API_URL: devnet.url,
      YAGNA_APPKEY: appkey,
      YAGNA_SUBNET: subnet,
      PAYMENT_NETWORK: "hoodi",
      GOLEM_REGISTRY_URL: devnet.url,
    });
    return devnet;
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.kill("SIGTERM");
    await ended;
  }

  // One call beside the SDK, to look at what it left behind.
  async call(method, path, body) {
    const response = await fetch(this.url + path, {
      method,
      headers: { authorization: `Bearer ${appkey}`, "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  }

  get(path) {
    return this.call("GET", path);
  }
}

// A small machine for a quarter of an hour, as the SDK's README orders it.
export const order = (market = {}, workload = {}) => ({
  demand: { workload: { imageTag: "golem/alpine:latest", ...workload } },
  market: {
    rentHours: 15 / 60,
    pricing: { model: "linear", maxStartPrice: 0.5, maxCpuPerHourPrice: 1.0, maxEnvPerHourPrice: 0.5 },
    ...market,
  },
});

// Asks again until it is so, for states that nobody announces; at most ten seconds.
export async function until(condition) {
  const end = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`never came true: ${condition}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}
