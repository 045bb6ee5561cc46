"""The catalogue, continued: hostile clients at the door (H), and a scraper (O5). See faults.py for the rules."""
import collections
import concurrent.futures
import contextlib
import json
import random
import socket
import time

from faults import NotFired, fault
from world import ask, wait_until


def raw(world, data, timeout=5, source="127.0.0.3"):
    """The status line that the order service answers to these bytes; empty when it just hangs up."""
    with contextlib.suppress(OSError), socket.create_connection(
            ("127.0.0.1", world.daemons["order"].port), timeout, source_address=(source, 0)) as sock:
        sock.sendall(data)
        return sock.recv(256).split(b"\r\n")[0].decode("latin-1")
    return ""


def all_refused(world, requests, statuses):
    """Each request must be answered with one of the statuses; it is asked again while the service is down."""
    for name, data in requests:
        def answered(data=data):
            said = raw(world, data)
            return said or (world.daemons["order"].ready() and "hung up")
        said = wait_until(10, answered) or "nobody answers"
        if not any(f" {status}" in said for status in statuses):
            if said in ("hung up", "nobody answers"):
                raise NotFired(f"{name}: {said}")
            raise RuntimeError(f"{name}: {said} instead of {statuses}")
    return f"{len(requests)} refused"


HEAD = b"POST /orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


PER_ADDRESS = 64
BEGUN = HEAD + b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n"


def held_connections(world, count, request, source):
    """So many connections on which the first bytes of an answer to `request` came, and how many got none."""
    held, refused = [], 0
    for _ in range(count):
        sock = socket.socket()
        sock.settimeout(1)
        sock.bind((source, 0))
        held.append(sock)
        try:
            sock.connect(("127.0.0.1", world.daemons["order"].port))
            sock.sendall(request)
            refused += not sock.recv(1024).startswith(b"HTTP/1.1 ")
        except OSError:
            refused += 1
    return held, refused


@fault("H2", "more requests under way than one address may have connections", "world", 4)
def many_connections(world, _):
    held, refused = held_connections(world, 150, BEGUN, "127.0.0.2")
    try:
        status = ask(world.daemons["order"].port, "GET", "/livez", source=("127.0.0.5", 0))[0]
    finally:
        for sock in held:
            sock.close()
    if not refused:
        raise NotFired("all were served")
    return f"{refused} of 150 refused, another address got {status}"


@fault("A5", "a proxy in front: 64 idle connections and a health probe, and what it forwards", "world", 4)
def proxy_in_front(world, _):
    order, source, idle = world.daemons["order"], "127.0.0.6", b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
    held, refused = held_connections(world, PER_ADDRESS, idle, source)
    try:
        probes = [ask(order.port, "GET", "/livez", source=(source, 0))[0] for _ in range(5)]
        forwarded = ask(order.port, "GET", "/admin/parked", None, {"X-Forwarded-For": "203.0.113.9"}, source=(source, 0))[0]
    finally:
        for sock in held:
            sock.close()
    if refused or None in probes + [forwarded]:
        if order.alive() and order.lives() and not refused:
            raise RuntimeError(f"probes beside {PER_ADDRESS} idle connections: {probes}, {forwarded}")
        raise NotFired("order-service was away")
    if set(probes) != {200} or forwarded != 401:
        raise RuntimeError(f"probes are answered with {probes}, a forwarded admin call with {forwarded}")
    return f"5 probes answered beside {PER_ADDRESS} idle connections, a forwarded admin call refused"


@fault("H3", "a body of 10 GB announced", "world", 2)
def huge_length(world, _):
    return all_refused(world, [("10 GB", HEAD + b"Content-Length: 10000000000\r\n\r\n"),
                               ("64 KiB and one", HEAD + b"Content-Length: 65537\r\n\r\n")], (413,))


@fault("H4", "the smuggling set", "world", 2)
def smuggling(world, _):
    return all_refused(world, [
        ("two lengths", HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
        ("length and chunks", HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("xchunked", HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ("two hosts", b"GET /orders HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("NUL in the path", b"GET /orders/%00 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("space before the colon", HEAD + b"Content-Length : 2\r\n\r\n{}")], (400, 404, 411, 501))


@fault("H5", "heads and targets that are too long", "world", 2)
def long_heads(world, _):
    return all_refused(world, [
        ("64 KB of header", b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 65000 + b"\r\n\r\n"),
        ("2 000 headers", b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"X-A: b\r\n" * 2000 + b"\r\n"),
        ("16 KB of target", b"GET /" + b"a" * 16000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")], (400, 413, 414, 431))


@fault("H7", "numbers at and over the edge", "world", 3)
def numbers(world, _):
    item = '{"customerId":"edge","items":[{"productId":"P","quantity":%s,"price":%s}]}'
    bodies = [item % (q, p) for q, p in (("9007199254740993", "1"), ("1", "1e999"), ("-1", "1"), ("1", "0.001"),
                                          ("1000000000", "1"), ("1", "-0.01"), ("1.5", "1"), ("1", "1000000.01"))]
    port, refused = world.daemons["order"].port, 0
    for body in bodies:
        status = wait_until(10, lambda body=body: ask(port, "POST", "/orders", body.encode())[0])
        if status in (None, 503):
            raise NotFired("nobody answered")
        if status != 400:
            raise RuntimeError(f"{body}: {status}")
        refused += 1
    return f"{refused} refused"


@fault("H10", "admin calls without a token, or with another", "world", 2)
def strangers(world, _):
    refused = 0
    for daemon in world.daemons.values():
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic " + world.admin_token}):
            status = wait_until(10, lambda daemon=daemon, headers=headers: ask(daemon.port, "GET", "/admin/parked", None, headers)[0])
            if status not in (401, 403):
                raise (RuntimeError if status else NotFired)(f"{daemon.name} answers a stranger with {status}")
            refused += 1
    return f"{refused} refused"


@fault("H11", "line breaks and escape sequences in every string", "world", 2)
def injections(world, _):
    nasty = 'a\\r\\n2026-01-01 ERROR forged \\u001b[31m'
    body = '{"customerId":"%s","items":[{"productId":"P","quantity":1,"price":1}]}' % nasty
    status = wait_until(10, lambda: ask(world.daemons["order"].port, "POST", "/orders", body.encode(),
                                        {"X-Correlation-Id": "a b\tc"})[0])
    if status in (None, 503):
        raise NotFired("nobody answered")
    if status != 400:
        raise RuntimeError(f"a customerId with line breaks: {status}")
    return "refused"


@fault("H6", "JSON that is too deep or too wide", "world", 2)
def deep_json(world, _):
    bodies = [("depth", b"[" * 30000), ("keys", b"{" + b",".join(b'"k%d":1' % i for i in range(6000)) + b"}")]
    return all_refused(world, [(name, HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body) for name, body in bodies],
                       (400, 413))


@fault("H1", "slow heads", "world", 16)
def slow_heads(world, _):
    socks = []
    try:
        for i in range(8):
            sock = socket.create_connection(("127.0.0.1", world.daemons["order"].port), 3, source_address=("127.0.0.4", 0))
            sock.sendall(b"GET /livez HTTP/1.1\r\nHost: ")
            socks.append(sock)
        closed, until = 0, time.monotonic() + 16
        while time.monotonic() < until and closed < len(socks):
            closed = sum(1 for sock in socks if is_closed(sock))
            time.sleep(0.5)
    except OSError as error:
        raise NotFired(str(error)) from error
    finally:
        for sock in socks:
            sock.close()
    if closed < len(socks):
        raise RuntimeError(f"{len(socks) - closed} slow heads were still open after 16 s")
    return f"{closed} cut"


def is_closed(sock):
    """Drips another byte; true when the other side has ended the connection."""
    try:
        sock.settimeout(0.05)
        sock.sendall(b"a")
        return b"HTTP" in (sock.recv(64) or b"HTTP")
    except socket.timeout:
        return False
    except OSError:
        return True


# Good but for what they ask for: however they are bent, none of them places an order or meets one.
BAD_BODY = json.dumps({"customerId": "", "currency": "x", "items": [{"productId": "", "quantity": -1, "price": -0.001}] * 3,
                       "customer": {"email": "e", "phone": ""}}).encode()
REQUESTS = (
    HEAD + b"Idempotency-Key: \"fuzz\"\r\nContent-Length: %d\r\n\r\n" % len(BAD_BODY) + BAD_BODY,
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BAD_BODY) + BAD_BODY + b"\r\n0\r\n\r\n",
    b"GET /orders?status=PAID&customerId=a&limit=2&cursor=0000000000000001 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /orders/ORD-0?version=3 HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"3\"\r\nConnection: keep-alive\r\n\r\n",
    b"GET /orders/ORD-0/events HTTP/1.1\r\nHost: a\r\ntraceparent: 00-%032x-%016x-01\r\n\r\n" % (1, 2),
    b"POST /orders/ORD-0/cancel HTTP/1.1\r\nHost: a\r\nIf-Match: \"1\"\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n{}",
    b"POST /admin/parked/retry HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer no\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /metrics HTTP/1.0\r\nHost: a\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n")
PIECES = (b"\r\n", b"\n", b"\0", b":", b" ", b"%00", b"%2e%2e/", b"\xff\xfe", b"0\r\n\r\n", b"99999999999999999999",
          b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\n",
          b"HTTP/1.1", b"[" * 40, b"a" * 5000)
FUZZ_S, FUZZ_CONNECTIONS = 10, 4


def bend(chance):
    """One of the requests with some bytes changed, cut, doubled, put in, or with the end of another."""
    data = bytearray(chance.choice(REQUESTS))
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        at, how = chance.randrange(len(data) + 1), chance.randrange(6)
        if how == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            data[at:at + chance.randint(1, 9)] = chance.randbytes(chance.randint(0, 9))
        elif how == 2:
            del data[at:]
        elif how == 3:
            data[at:at] = data[at:at + chance.randint(1, 200)]
        elif how == 4:
            data[at:at] = chance.choice(PIECES)
        else:
            other = chance.choice(REQUESTS)
            data[at:] = other[chance.randrange(len(other)):]
    return bytes(data)


def send_bent(port, seed, enough, statuses):
    """One request to a connection, whose end tells the server that no more will come; counts what was answered. From
    many addresses: each has ports for five hundred connections a second, no more."""
    chance = random.Random(seed)
    while not enough():
        with contextlib.suppress(OSError), socket.create_connection(
                ("127.0.0.1", port), 3, source_address=(f"127.0.6.{chance.randint(1, 250)}", 0)) as sock:
            sock.sendall(bend(chance))
            sock.shutdown(socket.SHUT_WR)
            statuses["sent"] += 1
            statuses[sock.recv(4096)[:12].decode("latin-1")] += 1


@fault("H12", "raw requests, bent in every way", "world", 12)
def bent_requests(world, chance):
    """For some seconds, or as many as --requests says."""
    daemon, wanted = world.daemons["order"], world.requests
    counts = [collections.Counter() for _ in range(FUZZ_CONNECTIONS)]
    with daemon.lock:
        pid, until = daemon.process.pid, time.monotonic() + FUZZ_S

        def enough():
            if not daemon.alive():
                return True
            return sum(c["sent"] for c in counts) >= wanted if wanted else time.monotonic() > until

        with concurrent.futures.ThreadPoolExecutor(FUZZ_CONNECTIONS) as pool:
            for task in [pool.submit(send_bent, daemon.port, chance.random(), enough, c) for c in counts]:
                task.result()
        if not daemon.alive() or daemon.process.pid != pid or not wait_until(10, daemon.lives):
            raise RuntimeError("order-service did not outlive requests that were bent")
    told = sum(counts, collections.Counter())
    if told["HTTP/1.1 500"] or not told["HTTP/1.1 400"]:
        raise RuntimeError(f"order-service answers requests that were bent with {dict(told)}")
    sent, silent = told.pop("sent"), told.pop("", 0)
    return f"{sent} sent; answers: " + ", ".join(f"{n} {s[9:]}" for s, n in sorted(told.items())) + f", {silent} none"


@fault("O5", "a scraper that hammers", "world", 3)
def scraper(world, _):
    count, until = 0, time.monotonic() + 2
    while time.monotonic() < until:
        count += all(ask(d.port, "GET", "/metrics")[0] == 200 for d in world.daemons.values())
    return f"{4 * count} scrapes"
