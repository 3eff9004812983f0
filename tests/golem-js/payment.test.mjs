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

// What the provider may ask by its offer: the last coefficient at the start, each other times its counter. The usage is
// that of the activity's last debit note: what the activity itself reports may be some seconds old.
async function price(agreementId, activityIds) {
  const { offer } = await devnet.get(`/market-api/v1/agreements/${agreementId}`);
  const coefficients = offer.properties["golem.com.pricing.model.linear.coeffs"];
  const notes = await devnet.get("/payment-api/v1/debitNotes");
  let sum = coefficients.at(-1);
  for (const id of activityIds) {
    const last = notes.filter(({ activityId }) => activityId === id).at(-1);
    last.usageCounterVector.forEach((usage, i) => (sum += usage * coefficients[i]));
  }
  return sum;
}

const near = (actual, expected, what) =>
  assert.ok(Math.abs(actual - expected) <= 1e-9 * expected, `${what}: ${actual}, not ${expected}`);

test("invoices are price times usage, are accepted, and are what the allocation has spent", async () => {
  const allocation = await glm.payment.createAllocation({ budget: 1, expirationSec: 3600 });
  const accepted = [];
  glm.payment.events.on("invoiceAccepted", ({ invoice }) => accepted.push(invoice));
  for (let round = 0; round < 2; round++) {
    const rental = await glm.oneOf({ order: { ...order(), payment: { allocation } } });
    const exe = await rental.getExeUnit();
    assert.equal((await exe.run("echo worth it; sleep 1")).stdout, "worth it\n");
    await rental.stopAndFinalize();
    const invoice = accepted.at(-1);
    assert.equal(accepted.length, round + 1);
    assert.equal(invoice.agreementId, rental.agreement.id);
    assert.deepEqual(invoice.activityIds, [exe.activity.id]);
    near(Number(invoice.amount), await price(rental.agreement.id, invoice.activityIds), "invoice");
    assert.ok(Number(invoice.amount) > 0);
  }
  const stored = await devnet.get("/payment-api/v1/invoices");
  assert.deepEqual(
    stored.map(({ status }) => status).filter((status) => status !== "ACCEPTED" && status !== "SETTLED"),
    [],
  );
  const sum = accepted.reduce((total, invoice) => total + Number(invoice.amount), 0);
  const { spentAmount, remainingAmount } = await glm.payment.getAllocation(allocation.id);
  near(Number(spentAmount), sum, "spent");
  near(Number(remainingAmount), 1 - sum, "remaining");
  await glm.payment.releaseAllocation(allocation);
});

test("an invoice the filter refuses is rejected, and only the accepted notes are spent", async () => {
  const allocation = await glm.payment.createAllocation({ budget: 1, expirationSec: 3600 });
  const refuse = { invoiceFilter: () => false, debitNoteFilter: () => true };
  const notes = [];
  glm.payment.events.on("debitNoteAccepted", ({ debitNote }) => notes.push(debitNote));
  const rejected = new Promise((seen) => glm.payment.events.on("invoiceRejected", seen));
  const rental = await glm.oneOf({ order: { ...order(), payment: { allocation, ...refuse } } });
  await (await rental.getExeUnit()).run("true");
  await rental.stopAndFinalize();
  const { invoice } = await rejected;
  assert.equal(invoice.agreementId, rental.agreement.id);
  assert.equal((await devnet.get(`/payment-api/v1/invoices/${invoice.id}`)).status, "REJECTED");
  const due = Math.max(0, ...notes.map((note) => Number(note.totalAmountDue)));
  assert.equal(Number((await glm.payment.getAllocation(allocation.id)).spentAmount), due);
  await glm.payment.releaseAllocation(allocation);
});
