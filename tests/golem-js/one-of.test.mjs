import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Devnet, GolemNetwork, order } from "./devnet.mjs";

let devnet, glm, rental, exe;

before(async () => {
  devnet = await Devnet.start();
  glm = new GolemNetwork();
  await glm.connect();
  rental = await glm.oneOf({ order: order() });
  exe = await rental.getExeUnit();
});

after(async () => {
  await glm?.disconnect();
  await devnet?.stop();
});

// What a stream of outputs said altogether.
function collect(subject) {
  const parts = [];
  subject.subscribe((part) => parts.push(part));
  return () => parts.join("");
}

test("connecting finds the daemon", () => {
  assert.equal(glm.isConnected(), true);
});

test("a shell string runs in a shell", async () => {
  const result = await exe.run("echo Hello, Golem! 👋 | tr a-z A-Z");
  assert.equal(result.result, "Ok");
  assert.equal(result.stdout, "HELLO, GOLEM! 👋\n");
  assert.equal(result.stderr, null);
});

test("an argument vector runs without a shell", async () => {
  const result = await exe.run("/bin/echo", ["$HOME", "a  b", "ü", "*"]);
  assert.equal(result.result, "Ok");
  assert.equal(result.stdout, "$HOME a  b ü *\n");
});

test("stdout and stderr come apart", async () => {
  const result = await exe.run("echo out; echo err >&2");
  assert.equal(result.stdout, "out\n");
  assert.equal(result.stderr, "err\n");
});

test("a non-zero exit is an error that keeps its output", async () => {
  const result = await exe.run("echo before; exit 3");
  assert.equal(result.result, "Error");
  assert.match(result.message, /code: ?3|code 3|status: 3/);
  assert.equal(result.stdout, "before\n");
});

test("a missing program is an error and the instance lives", async () => {
  const result = await exe.run("/no/such/program", []);
  assert.equal(result.result, "Error");
  assert.equal((await exe.run("echo alive")).stdout, "alive\n");
});

test("files stay from one command to the next", async () => {
  await exe.run("echo kept > /golem/work/file");
  assert.equal((await exe.run("cat /golem/work/file")).stdout, "kept\n");
});

test("1 MiB of output is complete", async () => {
  const result = await exe.run("head -c 1048576 /dev/zero | tr '\\0' x");
  assert.equal(result.stdout.length, 1 << 20);
  assert.match(result.stdout, /^x+$/);
});

test("output can be an ArrayBuffer", async () => {
  const capture = { stdout: { atEnd: { format: "bin" } }, stderr: { atEnd: { format: "bin" } } };
  const result = await exe.run("printf 'a\\377\\0b'", { capture });
  assert.deepEqual([...new Uint8Array(result.stdout)], [97, 255, 0, 98]);
});

// A stream begins when it is opened, which is after the command has: nothing is played back. So the commands wait a moment.
test("a streamed command arrives while it runs", async () => {
  const remote = await exe.runAndStream("sleep 1; echo one; sleep 1; echo two; echo three >&2");
  const stdout = collect(remote.stdout);
  const stderr = collect(remote.stderr);
  const first = new Promise((seen) => remote.stdout.subscribe(() => seen(remote.isFinished())));
  assert.equal(await first, false, "the first line came before the end");
  const result = await remote.waitForExit(30_000);
  assert.equal(result.result, "Ok");
  assert.equal(stdout(), "one\ntwo\n");
  assert.equal(stderr(), "three\n");
});

test("a streamed argument vector keeps its exit", async () => {
  const remote = await exe.runAndStream("/bin/sh", ["-c", "sleep 1; echo last words; exit 7"]);
  const stdout = collect(remote.stdout);
  const result = await remote.waitForExit(30_000);
  assert.equal(result.result, "Error");
  assert.equal(stdout(), "last words\n");
});

test("1 MiB streams completely", async () => {
  const remote = await exe.runAndStream("sleep 1; head -c 1048576 /dev/zero | tr '\\0' y");
  const stdout = collect(remote.stdout);
  await remote.waitForExit(30_000);
  assert.equal(stdout().length, 1 << 20);
});

test("a batch runs in order and stops at the first failure", async () => {
  const results = await exe.beginBatch().run("echo 1").run("/bin/echo", ["2"]).run("echo 3").end();
  assert.deepEqual(
    results.map((result) => result.stdout),
    ["1\n", "2\n", "3\n"],
  );
  const failed = await exe.beginBatch().run("echo 1").run("exit 5").run("echo 3").end();
  assert.deepEqual(
    failed.map((result) => result.result),
    ["Ok", "Error", "Error"],
  );
  assert.equal(failed[2].message, "No result due to error", "what the SDK says of a command that never ran");
});

test("the exe-unit can be replaced under the same agreement", async () => {
  const activity = exe.activity.id;
  await rental.destroyExeUnit();
  exe = await rental.getExeUnit();
  assert.notEqual(exe.activity.id, activity);
  assert.equal((await exe.run("test -e /golem/work/file || echo fresh")).stdout, "fresh\n");
});

test("finalizing ends the agreement", async () => {
  const terminated = new Promise((seen) => glm.market.events.on("agreementTerminated", seen));
  await rental.stopAndFinalize();
  const event = await terminated;
  assert.equal(event.terminatedBy, "Requestor");
  assert.equal(event.agreement.id, rental.agreement.id);
  const agreement = await devnet.get(`/market-api/v1/agreements/${rental.agreement.id}`);
  assert.equal(agreement.state, "Terminated");
});
