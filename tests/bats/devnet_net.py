"""Rents instances on a devnet with its REST API alone, and tries their networks: devnet_net.py SCENARIO.

The environment names the devnet: URL, APPKEY. A scenario is a function below; an assertion that fails is the answer.
"""
import base64
import contextlib
import json
import os
import select
import socket
import struct
import sys
import threading
import time
import urllib.error
import urllib.request

URL = os.environ["URL"]
HOST, PORT = URL.split("//")[1].split(":")
KEY = os.environ["APPKEY"]
PYTHON = "/usr/bin/python3"


# --- REST -------------------------------------------------------------------------------------------------------------

def ask(method, path, body=None, timeout=60):
    """Status and text."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, method=method, headers={
        "Authorization": "Bearer " + KEY, "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def rest(method, path, body=None):
    status, text = ask(method, path, body)
    assert status < 300, f"{method} {path}: {status} {text}"
    return json.loads(text) if text else None


def me():
    return rest("GET", "/me")["identity"]


def until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "never came true"
        select.select([], [], [], 0.02)


# --- networks and instances -------------------------------------------------------------------------------------------

class Network:
    def __init__(self, cidr, own=True):
        self.cidr = cidr
        self.id = rest("POST", "/net-api/v1/net", {"ip": cidr})["id"]
        self.prefix = cidr.split("/")[0].rsplit(".", 1)[0]
        self.nodes = {}
        if own:
            self.add(1, me())

    def ip(self, number):
        return f"{self.prefix}.{number}"

    def add(self, number, node):
        self.nodes[self.ip(number)] = node
        rest("POST", f"/net-api/v1/net/{self.id}/nodes", {"id": node, "ip": self.ip(number)})

    def remove(self, node):
        rest("DELETE", f"/net-api/v1/net/{self.id}/nodes/{node}")

    def delete(self):
        rest("DELETE", f"/net-api/v1/net/{self.id}")

    def part(self, number):
        """What the deploy command of the instance with that number says of this network."""
        return {"id": self.id, "ip": self.prefix + ".0", "mask": "255.255.255.0", "nodeIp": self.ip(number),
                "nodes": self.nodes}


def rent(provider=None):
    """An agreement; with that provider (its name), or with any that is willing and not yet ours."""
    properties = {"golem.srv.comp.expiration": int(time.time() * 1000) + 1200000,
                  "golem.node.debug.subnet": "public",
                  "golem.com.payment.protocol.version": "3",
                  "golem.com.payment.platform.erc20-hoodi-tglm.address": me(),
                  "golem.com.payment.chosen-platform": "erc20-hoodi-tglm"}
    demand = rest("POST", "/market-api/v1/demands", {
        "properties": properties, "constraints": "(&(golem.runtime.name=vm)(golem.node.debug.subnet=public))"})
    base, end = f"/market-api/v1/demands/{demand}", time.monotonic() + 20
    countered = set()
    while time.monotonic() < end:
        for event in rest("GET", base + "/events?timeout=2&maxEvents=50"):
            proposal = event.get("proposal", {})
            name = proposal.get("properties", {}).get("golem.node.id.name")
            if event["eventType"] != "ProposalEvent" or (provider and name != provider):
                continue
            if proposal["state"] == "Initial" and (provider or proposal["issuerId"] not in rent.taken):
                countered.add(rest("POST", base + "/proposals/" + proposal["proposalId"], {
                    "properties": properties, "constraints": "()"}))
            elif proposal["state"] == "Draft":
                rent.taken.add(proposal["issuerId"])
                agreement = rest("POST", "/market-api/v1/agreements", {
                    "proposalId": proposal["proposalId"], "validTo": "2099-01-01T00:00:00Z"})
                rest("POST", f"/market-api/v1/agreements/{agreement}/confirm")
                status, text = ask("POST", f"/market-api/v1/agreements/{agreement}/wait?timeout=10")
                assert status == 204, text
                rest("DELETE", base)
                return agreement, proposal["issuerId"]
    raise AssertionError("nobody sells")


rent.taken = set()


class Instance:
    def __init__(self, provider=None):
        self.agreement, self.node = rent(provider)
        self.activity = rest("POST", "/activity-api/v1/activity?timeout=20", {"agreementId": self.agreement})["activityId"]

    def execute(self, *commands):
        """The results of one batch."""
        batch = rest("POST", f"/activity-api/v1/activity/{self.activity}/exec", {"text": json.dumps(commands)})
        end, results = time.monotonic() + 60, []
        while not (results and results[-1]["isBatchFinished"]):
            assert time.monotonic() < end, results
            results = rest("GET", f"/activity-api/v1/activity/{self.activity}/exec/{batch}?timeout=5")
        return results

    def deploy(self, *parts, **more):
        results = self.execute({"deploy": {"net": parts, **more}}, {"start": {}})
        assert all(result["result"] == "Ok" for result in results), results
        return self

    def sh(self, text):
        """Exit status 0 or not, and the output."""
        capture = {"stdout": {"atEnd": {}}, "stderr": {"atEnd": {}}}
        result = self.execute({"run": {"entry_point": "/bin/sh", "args": ["-c", text], "capture": capture}})[-1]
        return result["result"] == "Ok", (result["stdout"] or "") + (result["stderr"] or "")

    def ok(self, text):
        done, output = self.sh(text)
        assert done, (text[:60], output)
        return output

    def serve(self, port, body, kind="SOCK_STREAM"):
        """A Python server in the background; `body` handles `c`, a connection (or the socket, of UDP)."""
        lines = ["import socket, time, sys, struct", f"s = socket.socket(socket.AF_INET, socket.{kind})",
                 "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)", f"s.bind(('0.0.0.0', {port}))"]
        if kind == "SOCK_STREAM":
            lines += ["s.listen(64)", "open('/tmp/up', 'w')", "while True:", "  c, peer = s.accept()"]
        else:
            lines += ["open('/tmp/up', 'w')", "while True:", "  c = s"]
        lines += ["  " + line for line in body.strip("\n").split("\n")]
        code = base64.b64encode("\n".join(lines).encode()).decode()
        self.ok(f"rm -f /tmp/up; echo {code} | base64 -d > /tmp/s{port}.py; setsid {PYTHON} /tmp/s{port}.py "
                f"</dev/null >/tmp/s{port}.log 2>&1 & i=0; while [ ! -e /tmp/up ] && [ $i -lt 200 ]; do i=$((i+1)); "
                "sleep 0.02; done; test -e /tmp/up")

    def sockets(self, port):
        """States of the TCP connections of a local port (1: established, 8: close-wait …)."""
        return self.ok(f"awk '$2 ~ /:{port:04X}$/ && $4 != \"0A\" {{print $4}}' /proc/net/tcp").split()

    def destroy(self):
        rest("DELETE", f"/activity-api/v1/activity/{self.activity}?timeout=20")

    def end(self):
        ask("DELETE", f"/activity-api/v1/activity/{self.activity}?timeout=20")
        ask("POST", f"/market-api/v1/agreements/{self.agreement}/terminate", {"message": "done"})
        rent.taken.discard(self.node)


ECHO = """
def echo(c):
  while True:
    data = c.recv(65536)
    if not data: return c.close()
    c.sendall(data)
import threading; threading.Thread(target=echo, args=(c,), daemon=True).start()
"""


@contextlib.contextmanager
def pair(cidr="10.20.1.0/24", count=2):
    """That many deployed instances, from .2 on, in one network."""
    network = Network(cidr)
    instances = [Instance() for _ in range(count)]
    for number, instance in enumerate(instances, 2):
        network.add(number, instance.node)
    for number, instance in enumerate(instances, 2):
        instance.deploy(network.part(number))
    try:
        yield network, *instances
    finally:
        for instance in instances:
            instance.end()
        ask("DELETE", f"/net-api/v1/net/{network.id}")


# --- websockets -------------------------------------------------------------------------------------------------------

class Websocket:
    """A client that shows everything: frames as they come, and how the connection ends."""

    def __init__(self, network, ip, port, headers=True, timeout=10):
        path = f"/net-api/v1/net/{network.id if isinstance(network, Network) else network}/tcp/{ip}/{port}"
        self.socket = socket.create_connection((HOST, int(PORT)), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        upgrade = ("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n") if headers else ""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {KEY}\r\n{upgrade}\r\n".encode())
        self.begun = time.monotonic()
        head = b""
        while b"\r\n\r\n" not in head:
            piece = self.socket.recv(65536)
            assert piece, head
            head += piece
        head, self.rest = head.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])
        self.took = time.monotonic() - self.begun
        if self.status != 101:
            until(lambda: len(self.rest) >= self.length(head) or not self.more())
        self.pongs = True

    @staticmethod
    def length(head):
        return next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)

    def more(self):
        piece = self.socket.recv(1 << 20)
        self.rest += piece
        return piece

    def send(self, data, opcode=2, fin=True):
        self.socket.sendall(self.frame(data, opcode, fin))

    @staticmethod
    def frame(data, opcode=2, fin=True):
        size = len(data)
        head = bytes([(0x80 if fin else 0) | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += struct.pack(">BH", 0x80 | 126, size)
        else:
            head += struct.pack(">BQ", 0x80 | 127, size)
        return head + bytes(4) + data  # a mask of zeros changes nothing

    def parse(self):
        if len(self.rest) < 2:
            return None
        size, at = self.rest[1] & 127, 2
        if size >= 126:
            at = 4 if size == 126 else 10
            if len(self.rest) < at:
                return None
            size = int.from_bytes(self.rest[2:at], "big")
        if len(self.rest) < at + size:
            return None
        opcode, data = self.rest[0] & 15, self.rest[at:at + size]
        self.rest = self.rest[at + size:]
        return opcode, data

    def next(self, seconds=10.0):
        """Opcode and data; ("end", None) when the connection is over, ("silence", None) when nothing came."""
        end = time.monotonic() + seconds
        while not (frame := self.parse()):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return "silence", None
            try:
                if not self.more():
                    return "end", None
            except ConnectionResetError:
                return "end", None
        if frame[0] == 9 and self.pongs:
            self.send(frame[1], 10)
        return frame

    def data(self, seconds=10.0):
        """The next bytes; pings are answered on the way."""
        while True:
            opcode, data = self.next(seconds)
            if opcode not in (9, 10):
                return data if opcode == 2 else opcode

    def take(self, size):
        got = b""
        while len(got) < size:
            piece = self.data()
            assert isinstance(piece, bytes), (piece, len(got))
            got += piece
        return got

    def echoes(self, data=b"hello"):
        self.send(data)
        return self.take(len(data)) == data

    def ends_in(self, limit):
        """Seconds until the connection is over; nothing but pings may come before."""
        begun = time.monotonic()
        while True:
            opcode, data = self.next(limit)
            assert opcode in (9, "end"), (opcode, data)
            if opcode == "end":
                return time.monotonic() - begun


def refusal(network, ip, port, **more):
    websocket = Websocket(network, ip, port, **more)
    return websocket.status, websocket.rest.decode()


# --- scenarios --------------------------------------------------------------------------------------------------------

def ping():
    with pair() as (network, a, b):
        assert "1 received" in a.ok(f"ping -c1 -W2 {network.ip(3)}")
        assert "1 received" in b.ok(f"ping -c1 -W2 {network.ip(2)}")
        assert "1 received" in a.ok(f"ping -c1 -W2 {network.ip(1)}"), "the requestor's own stack"
        done, output = a.sh(f"ping -c1 -W1 {network.ip(9)}")
        assert not done and " 0 received" in output, "nobody's address"


def tcp_and_udp():
    with pair() as (network, a, b):
        b.serve(7000, ECHO)
        b.serve(7001, "data, peer = c.recvfrom(2000)\nc.sendto(data.upper(), peer)", "SOCK_DGRAM")
        client = ("import socket, hashlib, os\n"
                  f"c = socket.create_connection(('{network.ip(3)}', 7000), 5)\n"
                  "import threading\nd = os.urandom(8 << 20)\n"
                  "threading.Thread(target=lambda: (c.sendall(d), c.shutdown(socket.SHUT_WR))).start()\n"
                  "got = b''.join(iter(lambda: c.recv(65536), b''))\nassert got == d, len(got)\n"
                  "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(5)\n"
                  f"u.sendto(b'datagram', ('{network.ip(3)}', 7001))\nprint(u.recv(100).decode(), c.getsockname()[0])\n")
        code = base64.b64encode(client.encode()).decode()
        output = a.ok(f"echo {code} | base64 -d | {PYTHON} -")
        assert output.split() == ["DATAGRAM", network.ip(2)], output


def names():
    network = Network("10.20.2.0/24")
    a, b = Instance(), Instance()
    network.add(2, a.node)
    network.add(3, b.node)
    for number, instance, name in (2, a, "db"), (3, b, "web"):
        instance.deploy(network.part(number), hosts={"db": network.ip(2), "web": network.ip(3)}, hostname=name)
    assert "1 received" in a.ok("ping -c1 -W2 web")
    assert "1 received" in b.ok("ping -c1 -W2 db")
    assert a.ok("hostname") == "db\n"
    a.end(), b.end(), network.delete()


def separation():
    first, second = Network("10.20.3.0/24"), Network("10.20.3.0/24")
    members = []
    for network in first, second:
        for number in 2, 3:
            instance = Instance()
            network.add(number, instance.node)
            members.append((instance, network, number))
    for instance, network, number in members:
        instance.deploy(network.part(number), hostname=f"{'ab'[network is second]}{number}")
    a2, a3, b2, b3 = (member[0] for member in members)
    for server in a3, b3:
        server.serve(80, "c.sendall(socket.gethostname().encode()); c.close()")
    code = f"{PYTHON} -c \"import socket; print(socket.create_connection(('{first.ip(3)}', 80), 3).recv(9).decode())\""
    assert (a2.ok(code), b2.ok(code)) == ("a3\n", "b3\n"), "the same address is another machine in another network"
    a3.destroy()
    assert not a2.sh(f"ping -c1 -W1 {first.ip(3)}")[0] and b2.sh(f"ping -c1 -W1 {first.ip(3)}")[0]
    for member in members:
        member[0].end()
    first.delete(), second.delete()


def two_networks():
    first, second = Network("10.20.4.0/24"), Network("10.20.5.0/24")
    both, a, b = Instance(), Instance(), Instance()
    first.add(2, both.node), second.add(2, both.node), first.add(3, a.node), second.add(3, b.node)
    both.deploy(first.part(2), second.part(2))
    a.deploy(first.part(3))
    b.deploy(second.part(3))
    assert both.ok("ls /sys/class/net").split() == ["eth0", "lo"], "one interface"
    assert "1 received" in both.ok(f"ping -c1 -W2 {first.ip(3)}") and "1 received" in both.ok(f"ping -c1 -W2 {second.ip(3)}")
    assert "1 received" in a.ok(f"ping -c1 -W2 {first.ip(2)}") and "1 received" in b.ok(f"ping -c1 -W2 {second.ip(2)}")
    assert not a.sh(f"ping -c1 -W1 {second.ip(3)}")[0], "what is in both does not join them"
    both.serve(80, ECHO)
    for network in first, second:
        assert Websocket(network, network.ip(2), 80).echoes()
    both.end(), a.end(), b.end(), first.delete(), second.delete()


def websocket():
    with pair(count=1) as (network, a):
        a.serve(80, ECHO)
        websocket = Websocket(network, network.ip(2), 80)
        assert websocket.status == 101 and websocket.took < 1
        for size in 1, 1000, 65535, 65536:
            assert websocket.echoes(os.urandom(size)), size
        websocket.send(b"as text", 1)
        assert websocket.take(7) == b"as text"
        websocket.send(b"?", 9)
        assert websocket.next() == (10, b"?"), "a ping is answered"
        a.serve(81, "c.sendall(peer[0].encode())")
        assert Websocket(network, network.ip(2), 81).data() == network.ip(1).encode(), "the source is .1"
        opcode, _ = websocket.next(5.5)
        assert opcode == 9, "it pings every 5 s"
        websocket.pongs = False
        # It is looked at with every ping, each 5 s, and ended after 10 s without a frame: 15 s at most, and one for us.
        assert 9 < websocket.ends_in(16) < 16, "silence of the client ends it"


def frames():
    with pair(count=1) as (network, a):
        a.serve(80, ECHO)
        big = Websocket(network, network.ip(2), 80)
        big.send(bytes(65537))
        assert big.next()[0] == "end", "more than 64 KiB"
        split = Websocket(network, network.ip(2), 80)
        split.send(b"first", 2, fin=False)
        assert split.next()[0] == "end", "fragments"


NUMBERS = """
import threading
def take(c):
  got = b''
  while len(got) < 400:
    data = c.recv(65536)
    if not data: return
    got += data
  order = struct.unpack('>100I', got)
  late = sum(order[i] < max(order[:i]) for i in range(1, 100))
  c.sendall(struct.pack('>II', late, len(set(order))))
threading.Thread(target=take, args=(c,), daemon=True).start()
"""


def hundred(websocket, whole=True):
    """Messages that were overtaken, of 100 sent at once: in one piece, or one after the other."""
    messages = [websocket.frame(struct.pack(">I", number)) for number in range(100)]
    for piece in [b"".join(messages)] if whole else messages:
        websocket.socket.sendall(piece)
    late, different = struct.unpack(">II", websocket.take(8))
    assert different == 100, "each message stays in one piece"
    return late


def order():
    with pair(count=1) as (network, a):
        a.serve(80, NUMBERS)
        a.serve(81, ECHO)
        open_one = lambda: Websocket(network, network.ip(2), 80)
        late = [hundred(open_one()) for _ in range(10)]
        assert 4 <= sum(late) / len(late) <= 14, late
        assert sum(hundred(open_one(), False) for _ in range(10)) > 0
        fault = rest("POST", "/devnet/faults", {"point": "keep-order"})
        assert hundred(open_one()) == 0
        rest("DELETE", f"/devnet/faults/{fault}")
        fault = rest("POST", "/devnet/faults", {"point": "swap"})
        assert hundred(open_one()) > 14
        alone = Websocket(network, network.ip(2), 81)
        assert all(alone.echoes(struct.pack(">I", number)) for number in range(200)), "one at a time is in order"
        rest("DELETE", f"/devnet/faults/{fault}")


def download():
    with pair(count=1) as (network, a):
        a.serve(80, "c.sendall(b''.join(struct.pack('>I', n) for n in range(1 << 20)))\ntime.sleep(60)")
        websocket = Websocket(network, network.ip(2), 80)
        got = websocket.take(4 << 20)
        assert got == b"".join(struct.pack(">I", number) for number in range(1 << 20)), "order is kept"


def closes():
    with pair(count=1) as (network, a):
        a.serve(80, ECHO)
        a.serve(81, "c.recv(4); c.close()")
        a.serve(82, "c.recv(4); c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); c.close()")
        closed = Websocket(network, network.ip(2), 80)
        assert closed.echoes()
        closed.send(struct.pack(">H", 1000), 8)
        assert closed.next()[0] == 8 and closed.next()[0] == "end", "a Close is echoed"
        half = Websocket(network, network.ip(2), 80)
        assert half.echoes()
        half.socket.shutdown(socket.SHUT_WR)
        assert half.next(2)[0] == "end", "a half-close ends everything"
        assert a.sockets(80) == ["01", "01"], "and the instance sees nothing of either"
        finished = Websocket(network, network.ip(2), 81)
        finished.send(b"quit")
        assert 2.5 < finished.ends_in(10) < 5, "after the instance's FIN it stays for a while, and ends without a Close"
        finished = Websocket(network, network.ip(2), 81)
        finished.send(b"quit")
        assert finished.next(0.5)[0] == "silence"
        finished.send(b"more")
        assert finished.next(1)[0] == "end", "unless the client sends"
        reset = Websocket(network, network.ip(2), 82)
        reset.send(b"quit")
        assert reset.ends_in(1) < 1, "a reset ends it at once"


def silence():
    with pair(count=2) as (network, a, b):
        a.serve(80, ECHO)
        b.serve(80, ECHO)
        removed, lost, gone = (Websocket(network, network.ip(number), 80) for number in (2, 3, 2))
        assert removed.echoes() and lost.echoes() and gone.echoes()
        network.remove(a.node)
        removed.send(b"later")
        assert removed.next(1)[0] == "silence", "a node that is not in the network is silent"
        network.add(2, a.node)
        assert removed.take(5) == b"later", "and goes on when it is again"
        b.destroy()
        lost.send(b"anybody?")
        begun = time.monotonic()
        assert 2 < lost.ends_in(12) < 10, "an activity that is gone is silent, then it ends"
        assert gone.echoes()
        network.delete()
        assert gone.ends_in(1) < 1, "the network's end is the websocket's"


def nobody():
    with pair(count=1) as (network, a):
        results, waits = [], []

        def ask_one(ip, **more):
            websocket = Websocket(network, ip, 80, **more)
            waits.append(websocket.took)
            results.append((websocket.status, websocket.rest.decode()))

        threads = [threading.Thread(target=ask_one, args=(ip,), kwargs=more) for ip, more in
                   ((network.ip(9), {}), (network.ip(1), {}), ("10.99.1.2", {}), (network.ip(255), {}),
                    (network.ip(9), {"headers": False}))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [(504, "")] * 5, results
        assert all(4.9 < wait < 6 for wait in waits), waits
        begun = time.monotonic()
        assert refusal(network, network.ip(2), 80) == (400, '{"message":"Socket closed"}')
        assert time.monotonic() - begun < 1, "nobody listens"
        late = []
        waiting = threading.Thread(target=lambda: late.append(Websocket(network, network.ip(3), 80).status))
        waiting.start()
        b = Instance()
        network.add(3, b.node)
        b.deploy(network.part(3)).serve(80, ECHO)
        waiting.join()
        assert late == [101], "who comes within the five seconds is reached"
        b.end()


def refusals():
    with pair(count=1) as (network, a):
        for ip in "127.0.0.1", "224.0.0.1", "0.0.0.0", "255.255.255.255":
            assert refusal(network, ip, 80) == (400, '{"message":"IP address not allowed: %s"}' % ip)
        assert refusal(network, "x", 80) == (400, '{"message":"Invalid IP address: invalid IP address syntax"}')
        assert refusal(network, network.ip(2), 0) == (400, '{"message":"Connection error: unaddressable destination"}')
        assert refusal(network, network.ip(2), 99999) == (404, 'can not parse "99999" to a u16')


def ipv6():
    dead = '{"message":"VPN communication error: MailboxError(Mailbox has closed)"}'
    with pair(count=1) as (network, a):
        a.serve(80, ECHO)
        websocket = Websocket(network, network.ip(2), 80)
        other = Network("10.20.6.0/24")
        assert websocket.echoes()
        assert refusal(network, "fd00::1", 80) == (400, dead)
        assert websocket.next(1)[0] == "end"
        base = f"/net-api/v1/net/{network.id}"
        for method, path, body in (("GET", "/nodes", None), ("GET", "/addresses", None), ("DELETE", f"/nodes/{a.node}", None),
                                   ("POST", "/nodes", {"id": "x", "ip": network.ip(5)})):
            assert ask(method, base + path, body) == (400, dead), path
        assert refusal(network, network.ip(2), 80) == (400, dead)
        assert ask("GET", base)[0] == 200 and ask("GET", f"/net-api/v1/net/{other.id}/nodes")[0] == 200
        other.delete()


def second_activity():
    rest("POST", "/devnet/providers", {"name": "double", "max_agreements": 2})
    network = Network("10.20.7.0/24")
    first, second, third = Instance("double"), Instance("double"), Instance()
    assert first.node == second.node
    network.add(2, first.node), network.add(3, second.node), network.add(4, third.node)
    first.deploy(network.part(2))
    second.deploy(network.part(3))
    third.deploy(network.part(4))
    reaches = lambda number, count=1: third.sh(f"ping -c{count} -W1 {network.ip(number)}")[0]
    assert reaches(2) and not reaches(3), "the second one of a provider gets nothing"
    first.destroy()
    assert not reaches(2) and not reaches(3), "not even when it is the only one"
    results = second.execute({"terminate": {}}, {"deploy": {"net": [network.part(3)]}}, {"start": {}})
    assert all(result["result"] == "Ok" for result in results), results
    assert reaches(3, 3), "but deployed again"
    first.end(), second.end(), third.end(), network.delete()


def redeployed():
    with pair(count=2) as (network, a, b):
        a.serve(80, ECHO)
        assert Websocket(network, network.ip(2), 80).echoes() and b.sh(f"ping -c1 -W1 {network.ip(2)}")[0]
        a.execute({"terminate": {}})
        a.deploy(network.part(2)).serve(80, ECHO)
        assert Websocket(network, network.ip(2), 80).echoes() and b.sh(f"ping -c1 -W1 {network.ip(2)}")[0]


def taken_address():
    with pair(count=2) as (network, a, b):
        for instance, text in (a, "a"), (b, "b"):
            instance.serve(80, f"c.sendall(b'{text}')")
        network.add(2, b.node)
        assert Websocket(network, network.ip(2), 80).data() == b"a", "a taken address is not bound anew"
        nodes = rest("GET", f"/net-api/v1/net/{network.id}/nodes")
        assert {"id": a.node, "ip": network.ip(2)} in nodes and len(nodes) == 3


def restart():
    def forgotten():
        with contextlib.suppress(OSError):
            return ask("GET", "/net-api/v1/net") == (200, "[]")

    with pair(count=2) as (network, a, b):
        a.serve(80, ECHO)
        websocket = Websocket(network, network.ip(2), 80)
        assert websocket.echoes()
        rest("POST", "/devnet/restart")
        assert websocket.next(2)[0] == "end"
        until(forgotten)
        assert refusal(network, network.ip(2), 80)[0] == 404
        assert b.sh(f"ping -c1 -W1 {network.ip(2)}")[0], "the instances still know each other"


def addresses():
    with pair(count=1) as (network, a):
        rest("POST", f"/net-api/v1/net/{network.id}/addresses", {"ip": network.ip(5)})
        assert not a.sh(f"ping -c1 -W1 {network.ip(5)}")[0], "no map names it"
        network.add(5, me())
        until(lambda: a.sh(f"ping -c1 -W1 {network.ip(5)}")[0])
        a.serve(80, "c.sendall(peer[0].encode())")
        assert Websocket(network, network.ip(2), 80).data() == network.ip(1).encode(), "the first one stays the source"


def learning():
    """Without the requestor in any map its packets teach the instance the way back."""
    network = Network("10.20.8.0/24", own=False)
    a = Instance()
    network.add(2, a.node)
    a.deploy(network.part(2)).serve(80, ECHO)
    assert not a.sh(f"ping -c1 -W1 {network.ip(1)}")[0]
    assert Websocket(network, network.ip(2), 80).echoes()
    a.end(), network.delete()


def pressure():
    """What the instance does not read is taken all the same, and arrives when it does."""
    with pair(count=1) as (network, a):
        a.serve(80, "time.sleep(2); left = 8 << 20\nwhile left: left -= len(c.recv(min(left, 65536)))\nc.sendall(b'all')")
        websocket = Websocket(network, network.ip(2), 80)
        begun = time.monotonic()
        for _ in range(128):
            websocket.send(bytes(65536))
        assert time.monotonic() - begun < 1.5, "it is not held back"
        assert websocket.take(3) == b"all"


def broken():
    with pair(count=1) as (network, a):
        a.serve(80, ECHO)
        cut = Websocket(network, network.ip(2), 80)
        assert cut.echoes()
        rest("POST", "/devnet/faults", {"point": "cut-websocket", "count": 1})
        cut.send(b"x")
        assert cut.next(1)[0] == "end"
        silent = Websocket(network, network.ip(2), 80)
        rest("POST", "/devnet/faults", {"point": "silent-websocket", "count": 1})
        silent.send(b"x")
        assert silent.next(6) == ("silence", None), "not even pings"
        rest("DELETE", "/devnet/faults")


def garbage():
    """An instance's root may send any frame there is."""
    with pair(count=2) as (network, a, b):
        code = ("import socket, os, random\n"
                "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); s.bind(('eth0', 0))\n"
                "heads = [b'\\x08\\x00\\x45', b'\\x08\\x06\\x00\\x01\\x08\\x00\\x06\\x04', b'\\x86\\xdd', b'\\x81\\x00', b'']\n"
                "for _ in range(20000):\n"
                "  try: s.send((os.urandom(12) + random.choice(heads) + os.urandom(random.randrange(1200)))[:1234].ljust(14))\n"
                "  except OSError: pass\n")
        a.ok(f"echo {base64.b64encode(code.encode()).decode()} | base64 -d | {PYTHON} -")
        assert a.sh(f"ping -c2 -W1 {network.ip(3)}")[0] and b.sh(f"ping -c2 -W1 {network.ip(1)}")[0]


def many():
    """A hundred connections at once, each with its own bytes."""
    with pair(count=1) as (network, a):
        a.serve(80, ECHO)
        websockets = [Websocket(network, network.ip(2), 80) for _ in range(100)]
        for number, websocket in enumerate(websockets):
            websocket.send(struct.pack(">I", number) * 256)
        for number, websocket in enumerate(websockets):
            assert websocket.take(1024) == struct.pack(">I", number) * 256


def refused_namespaces():
    instance, network = Instance(), Network("10.20.10.0/24")
    results = instance.execute({"deploy": {"net": [network.part(2)]}})
    assert results[0]["result"] == "Error" and "namespaces" in results[0]["message"], results
    assert Instance().deploy().ok("echo still") == "still\n", "without a network it goes"
    assert refusal(network, network.ip(2), 80) == (504, "")


def main():
    globals()[sys.argv[1]]()


if __name__ == "__main__":
    main()
