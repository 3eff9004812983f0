// The websocket of a service, as the SDK's file transfers use it and as the real daemon was seen to treat it.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { once } from "node:events";
import { randomUUID } from "node:crypto";
import WebSocket from "ws";
import { Devnet, appkey } from "./devnet.mjs";

let devnet;

before(async () => {
  devnet = await Devnet.start();
});

after(async () => {
  await devnet?.stop();
});

async function bind(on = `/public/gftp/${randomUUID()}`) {
  const { servicesId } = await devnet.call("POST", "/gsb-api/v1/services", {
    listen: { on, components: ["GetMetadata", "GetChunk"] },
  });
  assert.equal(Buffer.from(servicesId, "base64url").toString(), on);
  return { on, id: servicesId };
}

async function attach(id) {
  const url = `${devnet.url.replace("http", "ws")}/gsb-api/v1/services/${id}?authToken=${appkey}`;
  const socket = new WebSocket(url, ["gsb+flexbuffers"]);
  await once(socket, "open");
  assert.equal(socket.protocol, "gsb+flexbuffers");
  return socket;
}

async function closing(socket) {
  const [code, reason] = await once(socket, "close", { signal: AbortSignal.timeout(10_000) });
  return [code, reason.toString()];
}

test("unbinding closes the websocket with the service's name", async () => {
  const service = await bind();
  const closed = closing(await attach(service.id));
  assert.equal(await devnet.call("DELETE", `/gsb-api/v1/services/${service.id}`), null);
  assert.deepEqual(await closed, [1000, `Unbinding service: ${service.on}`]);
});

test("a second websocket takes over, and the service outlives the first", async () => {
  const service = await bind();
  const closed = closing(await attach(service.id));
  const second = await attach(service.id);
  assert.deepEqual(await closed, [1008, "Closing old WS connection in favour of new WS connection"]);
  const ended = closing(second);
  await devnet.call("DELETE", `/gsb-api/v1/services/${service.id}`);
  assert.deepEqual(await ended, [1000, `Unbinding service: ${service.on}`]);
});

test("text is refused", async () => {
  const socket = await attach((await bind()).id);
  const closed = closing(socket);
  socket.send("hello");
  assert.deepEqual(await closed, [1003, "Text msg unsupported."]);
});

test("pings are answered and a dropped websocket can be replaced", async () => {
  const service = await bind();
  const socket = await attach(service.id);
  socket.ping("still there?");
  const [pong] = await once(socket, "pong", { signal: AbortSignal.timeout(5000) });
  assert.equal(pong.toString(), "still there?");
  socket.terminate();
  await once(socket, "close");
  const next = await attach(service.id);
  next.terminate();
  await devnet.call("DELETE", `/gsb-api/v1/services/${service.id}`);
});

test("a service that is bound cannot be bound again, unbound it can", async () => {
  const service = await bind();
  await assert.rejects(bind(service.on), /400 .*Duplicated service address prefix/);
  await devnet.call("DELETE", `/gsb-api/v1/services/${service.id}`);
  await assert.rejects(devnet.call("DELETE", `/gsb-api/v1/services/${service.id}`), /404 .*Cannot find service/);
  await bind(service.on);
});
