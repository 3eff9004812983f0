// Private networks as the SDK uses them: its network calls, its websocket address, its TCP proxy, its deployments.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect, createServer } from "node:net";
import { once } from "node:events";
import WebSocket from "ws";
import { GolemDeploymentBuilder } from "@golem-sdk/golem-js/experimental";
import { Devnet, GolemNetwork, order, until } from "./devnet.mjs";

const page = "<h1>served by an instance</h1>";

let devnet, glm, network;

before(async () => {
  devnet = await Devnet.start();
  glm = new GolemNetwork();
  await glm.connect();
  network = await glm.createNetwork({ ip: "192.168.7.0/24" });
});

after(async () => {
  await glm?.disconnect();
  await devnet?.stop();
});

// A port of this machine nobody listens on.
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

// One Python program in the background of an instance; returns when its port listens.
async function serve(exe, program, where) {
  const code = Buffer.from(program).toString("base64");
  await exe.run(`echo ${code} | base64 -d >${where}.py && setsid python3 ${where}.py </dev/null >${where}.log 2>&1 &`);
  const hex = where.toString(16).toUpperCase().padStart(4, "0");
  await until(async () => (await exe.run(`grep -q ':${hex} 00000000:0000 0A' /proc/net/tcp`)).result === "Ok");
}

const httpServer = (number) => `
import http.server
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "${page.length}")
        self.end_headers()
        self.wfile.write(b"${page}")
http.server.ThreadingHTTPServer(("0.0.0.0", ${number}), Page).serve_forever()
`;

const echoServer = (number) => `
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
socketserver.ThreadingTCPServer(("0.0.0.0", ${number}), Echo).serve_forever()
`;

test("a network has its range, and the requestor in it", async () => {
  assert.deepEqual(network.getNetworkInfo(), {
    id: network.id,
    ip: "192.168.7.0",
    mask: "255.255.255.0",
    gateway: "192.168.7.1",
    nodes: { "192.168.7.1": (await devnet.get("/me")).identity },
  });
});

test("two rentals of one network ping each other", async () => {
  const pool = await glm.manyOf({ order: { ...order(), network }, poolSize: 2 });
  const rentals = [await pool.acquire(), await pool.acquire()];
  const [first, second] = await Promise.all(rentals.map((rental) => rental.getExeUnit()));
  assert.notEqual(first.getIp(), second.getIp());
  for (const [from, to] of [
    [first, second],
    [second, first],
  ]) {
    const { stdout } = await from.run(`ping ${to.getIp()} -c 2 -i 0.2 -W 2`);
    assert.match(stdout, /2 (packets )?received/);
  }
  await Promise.all(rentals.map((rental) => pool.destroy(rental)));
  await pool.drainAndClear();
  const nodes = await devnet.get(`/net-api/v1/net/${network.id}/nodes`);
  assert.equal(nodes.length, 1, "only the requestor is left");
});

test("a port of a rental is reached by its websocket address and by the TCP proxy", async (t) => {
  const rental = await glm.oneOf({ order: { ...order(), network } });
  const exe = await rental.getExeUnit();
  await serve(exe, httpServer(80), 80);
  await serve(exe, echoServer(7), 7);

  await t.test("the websocket address", async () => {
    const uri = exe.getWebsocketUri(7);
    assert.match(uri, /^ws:\/\/127\.0\.0\.1:\d+\/net-api\/v1\/net\/[0-9a-f]{32}\/tcp\/192\.168\.7\.\d+\/7$/);
    const websocket = new WebSocket(uri, { headers: { authorization: `Bearer ${process.env.YAGNA_APPKEY}` } });
    await once(websocket, "open");
    const bytes = randomBytes(60_000);
    const got = [];
    const whole = new Promise((done) =>
      websocket.on("message", (data) => got.push(data) && Buffer.concat(got).length === bytes.length && done()),
    );
    websocket.send(bytes);
    await whole;
    assert.ok(Buffer.concat(got).equals(bytes));
    websocket.close();
    await once(websocket, "close");
  });

  await t.test("the TCP proxy", async () => {
    const proxy = exe.createTcpProxy(80);
    const port = await freePort();
    await proxy.listen(port);
    for (let count = 0; count < 3; count++) {
      const response = await fetch(`http://127.0.0.1:${port}/`);
      assert.equal(response.status, 200);
      assert.equal(await response.text(), page);
    }
    await proxy.close();
  });

  await t.test("the TCP proxy carries bytes both ways, one piece at a time", async () => {
    const proxy = exe.createTcpProxy(7);
    const port = await freePort();
    await proxy.listen(port);
    const socket = connect(port, "127.0.0.1");
    for (const size of [1, 1000, 40_000]) {
      const bytes = randomBytes(size);
      let got = Buffer.alloc(0);
      socket.write(bytes);
      while (got.length < size) got = Buffer.concat([got, (await once(socket, "data"))[0]]);
      assert.ok(got.equals(bytes));
    }
    socket.destroy();
    await proxy.close();
  });
  await rental.stopAndFinalize();
});

test("a deployment starts two pools in its network and stops them", async () => {
  const replicas = { replicas: 2, network: "basic" };
  const deployment = new GolemDeploymentBuilder(glm)
    .createNetwork("basic", { ip: "10.1.2.0/24" })
    .createResourceRentalPool("app", { ...order(), deployment: replicas })
    .createResourceRentalPool("db", { ...order(), deployment: { ...replicas, replicas: 1 } })
    .getDeployment();
  await deployment.start();
  const app = await deployment.getResourceRentalPool("app").acquire();
  const db = await deployment.getResourceRentalPool("db").acquire();
  const [appExe, dbExe] = await Promise.all([app.getExeUnit(), db.getExeUnit()]);
  await serve(dbExe, httpServer(8080), 8080);
  const fetched = await appExe.run(
    `python3 -c "import urllib.request as r; print(r.urlopen('http://${dbExe.getIp()}:8080').read().decode())"`,
  );
  assert.equal(fetched.stdout?.trim(), page, fetched.stderr);
  await deployment.getResourceRentalPool("app").release(app);
  await deployment.getResourceRentalPool("db").release(db);
  const id = deployment.getNetwork("basic").id;
  await deployment.stop();
  const left = await devnet.get("/net-api/v1/net");
  assert.deepEqual(
    left.map((one) => one.id).filter((one) => one === id),
    [],
  );
});

test("destroying the network leaves none", async () => {
  await glm.destroyNetwork(network);
  assert.deepEqual(await devnet.get("/net-api/v1/net"), []);
});
