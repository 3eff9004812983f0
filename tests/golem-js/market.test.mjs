import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { Devnet, GolemNetwork, order, until } from "./devnet.mjs";

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

// All offers of a scan that come within the time.
function scan(specification, ms = 3000) {
  return new Promise((resolve, reject) => {
    const offers = [];
    const subscription = glm.market.scan(specification).subscribe({
      next: (offer) => offers.push(offer),
      error: reject,
    });
    setTimeout(() => {
      subscription.unsubscribe();
      resolve(offers);
    }, ms);
  });
}

test("a scan shows every provider, its resources and prices, and buys nothing", async () => {
  const offers = await scan(glm.market.buildScanSpecification({ workload: { engine: "vm" } }));
  const providers = await devnet.get("/devnet/providers");
  assert.equal(offers.length, providers.length);
  assert.deepEqual(
    offers.map((offer) => offer.provider.name).sort(),
    providers.map((provider) => provider.name).sort(),
  );
  for (const offer of offers) {
    assert.ok(offer.cpuThreads >= 1 && offer.memoryGib > 0 && offer.storageGib > 0);
    assert.equal(offer.runtimeName, "vm");
    assert.ok(offer.pricing.envSec >= 0 && offer.pricing.cpuSec >= 0 && offer.pricing.start >= 0);
    assert.ok(offer.paymentPlatformAddresses["erc20-hoodi-tglm"]);
  }
  assert.deepEqual(await devnet.get("/market-api/v1/agreements"), []);
});

test("a scan keeps to its constraints", async () => {
  const offers = await scan(glm.market.buildScanSpecification({ workload: { minMemGib: 100_000 } }), 1500);
  assert.deepEqual(offers, []);
});

test("a provider that rejects is skipped", async () => {
  const provider = { name: "willing", rejects: false };
  const rejecting = (await devnet.get("/devnet/providers")).find(({ rejects }) => rejects).name;
  // Nobody else may be asked until it has refused; then the other one appears.
  const offerProposalFilter = (proposal) => [rejecting, provider.name].includes(proposal.provider.name);
  const sent = new Promise((seen) => glm.market.events.once("offerCounterProposalSent", seen));
  const rental = glm.oneOf({ order: order({ offerProposalFilter }), signalOrTimeout: 30_000 });
  // The SDK's own event for this needs the answer to come later than it looks at its counter-proposal: not relied on.
  const { offerProposal, counterProposal } = await sent;
  const path = `/market-api/v1/demands/${offerProposal.demand.id}/proposals/${counterProposal.id}`;
  await until(async () => (await devnet.get(path)).state === "Rejected");
  await devnet.call("POST", "/devnet/providers", provider);
  assert.equal((await rental).agreement.provider.name, provider.name);
  await (await rental).stopAndFinalize();
});

test("a filter of one's own decides", async () => {
  const refused = [];
  glm.market.events.on("offerProposalRejectedByProposalFilter", ({ offerProposal }) =>
    refused.push(offerProposal.provider.name),
  );
  const providers = (await devnet.get("/devnet/providers")).filter((provider) => !provider.rejects);
  const chosen = providers.at(-1).name;
  const offerProposalFilter = (proposal) => proposal.provider.name === chosen;
  const rental = await glm.oneOf({ order: order({ offerProposalFilter }) });
  assert.equal(rental.agreement.provider.name, chosen);
  assert.ok(refused.length > 0 && !refused.includes(chosen));
  await rental.stopAndFinalize();
});

test("offers above the price ceiling are not taken", async () => {
  const dear = [];
  glm.market.events.on("offerProposalRejectedByPriceFilter", (event) => dear.push(event));
  const pricing = { model: "linear", maxStartPrice: 0, maxCpuPerHourPrice: 1e-9, maxEnvPerHourPrice: 1e-9 };
  await assert.rejects(glm.oneOf({ order: order({ pricing }), signalOrTimeout: 3000 }));
  assert.ok(dear.length > 0);
});
