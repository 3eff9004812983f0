import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Devnet, GolemNetwork, order } from "./devnet.mjs";

let devnet, glm;

before(async () => {
  devnet = await Devnet.start();
  glm = new GolemNetwork();
  await glm.connect();
});

after(async () => {
  await glm?.disconnect();
  await devnet?.stop();
});

test("an order aborted while it waits leaves nothing behind", async () => {
  const controller = new AbortController();
  glm.market.events.once("demandSubscriptionStarted", () => controller.abort());
  const impossible = order({}, { minMemGib: 100_000 });
  await assert.rejects(glm.oneOf({ order: impossible, signalOrTimeout: controller.signal }), /abort/i);
  assert.deepEqual(await devnet.get("/market-api/v1/demands"), []);
  assert.deepEqual(await devnet.get("/market-api/v1/agreements"), []);
  assert.deepEqual(await devnet.get("/payment-api/v1/allocations"), []);
});

test("an order nobody can fill times out", async () => {
  const impossible = order({}, { minMemGib: 100_000 });
  await assert.rejects(glm.oneOf({ order: impossible, signalOrTimeout: 1500 }), /in time/);
  assert.deepEqual(await devnet.get("/market-api/v1/demands"), []);
});

test("a long command can be aborted and the rental still ends", async () => {
  const rental = await glm.oneOf({ order: order() });
  const exe = await rental.getExeUnit();
  const controller = new AbortController();
  const run = exe.run("sleep 600", { signalOrTimeout: controller.signal });
  setTimeout(() => controller.abort(), 1000);
  await assert.rejects(run, /abort/i);
  await rental.stopAndFinalize();
  const { state } = await devnet.get(`/market-api/v1/agreements/${rental.agreement.id}`);
  assert.equal(state, "Terminated");
});

test("disconnecting ends what is still rented", async () => {
  const before = await devnet.get("/payment-api/v1/allocations");
  const other = new GolemNetwork();
  await other.connect();
  const rental = await other.oneOf({ order: order() });
  await (await rental.getExeUnit()).run("true");
  await other.disconnect();
  const { state } = await devnet.get(`/market-api/v1/agreements/${rental.agreement.id}`);
  assert.equal(state, "Terminated");
  assert.deepEqual(await devnet.get("/payment-api/v1/allocations"), before);
});
