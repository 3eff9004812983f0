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

test("three at once run on three providers and end", async () => {
  const pool = await glm.manyOf({ poolSize: { min: 3, max: 3 }, order: order() });
  const invoices = [];
  glm.payment.events.on("invoiceAccepted", ({ invoice }) => invoices.push(invoice));
  await pool.ready(60_000);
  assert.equal(pool.getSize(), 3);
  // Each waits until all three have been seen running: they are side by side, or nothing ends.
  let running = 0;
  let allRun;
  const together = new Promise((resolve) => (allRun = resolve));
  const machines = await Promise.all(
    [1, 2, 3].map((n) =>
      pool.withRental(async (rental) => {
        const exe = await rental.getExeUnit();
        if (++running === 3) allRun();
        await together;
        const result = await exe.run(`echo machine ${n}`);
        assert.equal(result.stdout, `machine ${n}\n`);
        return { provider: exe.provider.id, agreement: rental.agreement.id };
      }),
    ),
  );
  assert.equal(new Set(machines.map(({ provider }) => provider)).size, 3);
  await pool.drainAndClear();
  const agreements = machines.map(({ agreement }) => agreement).sort();
  assert.deepEqual(invoices.map((invoice) => invoice.agreementId).sort(), agreements);
});
