"""Clients of a forwarded port: forward.py KIND PORT [NUMBER]; prints what it saw."""
import hashlib
import os
import random
import resource
import socket
import struct
import sys
import threading

PATIENCE = 40


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def read_all(c):
    got = bytearray()
    while d := c.recv(65536):
        got += d
    return bytes(got)


def echoed(port, size):
    """All sent, half-closed, and all that comes back is the same."""
    data = os.urandom(size)
    with connect(port) as c:
        def send():
            c.sendall(data)
            c.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        got = read_all(c)
        sender.join()
    return got == data


def echo(port, size):
    print(echoed(port, size))


def transfers(port, count):
    """Many at once, of all sizes; some are reset in the middle."""
    bad = []
    rng = random.Random(count)

    def one(size, broken):
        try:
            if broken:
                c = connect(port)
                c.sendall(b"x" * size)
                c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                c.close()
            elif not echoed(port, size):
                bad.append(size)
        except OSError as e:
            bad.append((size, broken, e))
    for _ in range(0, count, 50):
        threads = [threading.Thread(target=one, args=(int(10 ** rng.uniform(0, 5.3)), rng.random() < 0.2))
                   for _ in range(50)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    print(bad)


def together(port, count):
    """So many connections open at the same time, each answered."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (count + 100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    open_ones = [connect(port) for _ in range(count)]
    for i, c in enumerate(open_ones):
        c.sendall(struct.pack("I", i))
    print(sum(struct.unpack("I", c.recv(4, socket.MSG_WAITALL))[0] == i for i, c in enumerate(open_ones)))


def slow(port, seed):
    """Reads nothing for a while, then everything."""
    with connect(port) as c:
        threading.Event().wait(1.5)
        print(hashlib.sha256(read_all(c)).hexdigest())


def refused(port, _):
    """What a connection to nobody gives."""
    try:
        with connect(port) as c:
            c.settimeout(PATIENCE)
            print("closed" if c.recv(1) == b"" else "bytes")
    except OSError as e:
        print(type(e).__name__)


def datagrams(port, count):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(PATIENCE)
        good = 0
        for i in range(count):
            data = os.urandom(1 + 137 * i % 9000)
            s.sendto(data, ("127.0.0.1", port))
            good += s.recv(65536) == data
        print(good)


globals()[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
