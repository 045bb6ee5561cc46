#!/usr/bin/python3
"""The customers: places orders, loses patience, asks again with the same key, cancels, looks; writes the ledger L.

Every request is one JSON line, with its answer or with status null. What is asked for is a function of the seed; when
it is asked depends on the answers. Ends when all orders are placed, at least --seconds have passed, the file --until
exists, and every keyed request was answered for good.

    {"op": "plan", "n", "key", "hash", "customer", "items": [[product, quantity, cents]], "total", "currency", "tries"}
    {"op": "place" | "other body" | "cancel" | "read", "n", "t0", "t1", "status", "order", ...}
"""
import argparse
import hashlib
import heapq
import http.client
import itertools
import json
import os
import random
import socket
import threading
import time

PATIENCE_S = 12
THREADS = 16
READS_PER_ORDER = 4


class Ledger:
    def __init__(self, path):
        self.file, self.lock = open(path, "a", encoding="utf-8"), threading.Lock()

    def write(self, **line):
        text = json.dumps(line)
        with self.lock:
            self.file.write(text + "\n")
            self.file.flush()


class Agenda:
    """What is to be done when, for all threads."""

    def __init__(self):
        self.heap, self.ready, self.count, self.busy = [], threading.Condition(), itertools.count(), 0
        self.closed = False

    def add(self, delay, task, *arguments):
        with self.ready:
            heapq.heappush(self.heap, (time.monotonic() + delay, next(self.count), task, arguments))
            self.ready.notify()

    def work(self):
        while True:
            with self.ready:
                while not self.closed and (not self.heap or self.heap[0][0] > time.monotonic()):
                    self.ready.wait(max(0.001, self.heap[0][0] - time.monotonic()) if self.heap else None)
                if self.closed:
                    return
                _, _, task, arguments = heapq.heappop(self.heap)
                self.busy += 1
            try:
                task(*arguments)
            finally:
                with self.ready:
                    self.busy -= 1

    def idle(self):
        with self.ready:
            return not self.heap and not self.busy

    def close(self):
        with self.ready:
            self.closed = True
            self.ready.notify_all()


def make_order(n, seed, world):
    """One order and how its customer behaves, from the seed alone."""
    chance = random.Random(f"{seed}-{n}")
    products = [chance.choice(world["plenty"]) for _ in range(chance.choice((1, 1, 2, 3)))]
    if chance.random() < 0.05:
        products[-1] = chance.choice(world["scarce"])
    items = [[p, chance.randint(1, 3), chance.randint(0, 20000)] for p in products]
    if random.Random(f"{seed}-{n}-free").random() < 0.03:
        items = [[product, quantity, 0] for product, quantity, _ in items]
    token = chance.choices((f"card-{chance.getrandbits(64):016x}", "tok_ok", "tok_declined", "tok_slow", "tok_error"),
                           (45, 40, 8, 4, 3))[0]
    order = {"n": n, "customer": f"C{seed}-{n}", "items": items, "token": token, "currency": "USD",
             "total": sum(q * cents for _, q, cents in items),
             "key": f"key-{seed}-{n}" if chance.random() < 0.95 else None,
             "cancel": chance.choice((0.0, 0.05, 0.2, 0.5, 1.0, 3.0)) if chance.random() < 0.15 else None,
             "twins": chance.choice((1, 5)) if chance.random() < 0.05 else 0,
             "leaves": chance.random() < 0.03, "gives_up": chance.random() < 0.01,
             "other_body": chance.random() < 0.02, "watched": chance.random() < 0.15}
    return order


def body_of(order):
    body = {"customerId": order["customer"], "currency": order["currency"], "paymentToken": order["token"],
            "customer": {"email": f"{order['customer']}@secret.example", "phone": "+4915799%06d" % (order["n"] % 10**6)},
            "items": [{"productId": p, "quantity": q, "price": cents} for p, q, cents in order["items"]]}
    text = json.dumps(body)
    for _, _, cents in order["items"]:  # exact decimals: never a float in between
        text = text.replace(f'"price": {cents}}}', f'"price": {cents // 100}.{cents % 100:02d}}}', 1)
    return text.encode()


class Customers:
    def __init__(self, options, world, ledger):
        self.options, self.world, self.ledger, self.agenda = options, world, ledger, Agenda()

    def call(self, method, path, body=None, headers=()):
        """(status, headers, parsed body), or (None, {}, {}) when no answer came."""
        connection = http.client.HTTPConnection("127.0.0.1", self.options.port, timeout=PATIENCE_S)
        try:
            sent = dict(headers, Connection="close")
            if body is not None:
                sent["Content-Type"] = "application/json"
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, answer.headers, json.loads(text) if text else {}
        except (OSError, http.client.HTTPException, ValueError):
            return None, {}, {}
        finally:
            connection.close()

    def leave_early(self, body, headers):
        """Sends everything and hangs up without waiting for the answer."""
        head = "POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        try:
            with socket.create_connection(("127.0.0.1", self.options.port), 2) as sock:
                sock.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        except OSError:
            pass

    def begin(self, order):
        body = body_of(order)
        digest = hashlib.sha256(body).hexdigest()[:16]
        self.ledger.write(op="plan", n=order["n"], key=order["key"], hash=digest, customer=order["customer"],
                          items=order["items"], total=order["total"], currency=order["currency"], token=order["token"])
        for _ in range(order["twins"]):
            self.agenda.add(0, self.place, order, body, 1)
        self.place(order, body, 1)

    def place(self, order, body, attempt):
        headers = {"Idempotency-Key": order["key"]} if order["key"] else {}
        start = time.time()
        if order["leaves"] and attempt == 1:
            self.leave_early(body, headers)
            status, answer, got = None, {}, {}
        else:
            status, answer, got = self.call("POST", "/orders", body, headers)
        self.ledger.write(op="place", n=order["n"], t0=start, t1=time.time(), status=status, attempt=attempt,
                          order=got.get("orderId"), total=str(got.get("totalAmount")),
                          replayed=answer.get("Idempotency-Replayed") == "true", left=order["leaves"] and attempt == 1,
                          retry_after=answer.get("Retry-After"))
        if status == 201:
            self.follow(order, body, got["orderId"])
        elif order["key"] and not (order["gives_up"] and attempt >= 2) and (status is None or status in (409, 503)):
            self.agenda.add(min(2.0, 0.1 * 2 ** min(attempt, 5)), self.place, order, body, attempt + 1)
        elif status == 503:  # refused for certain: may be asked again even without a key
            self.agenda.add(1.0, self.place, order, body, attempt + 1)

    def follow(self, order, body, order_id):
        if order["cancel"] is not None:
            self.agenda.add(order["cancel"], self.cancel, order, order_id, 1)
        if order["other_body"] and order["key"]:
            self.agenda.add(0.2, self.other_body, order, body)
        if order["watched"]:
            for i in range(READS_PER_ORDER):
                self.agenda.add(0.05 + i * i * 1.5, self.read, order, order_id)

    def cancel(self, order, order_id, attempt):
        start = time.time()
        status, _, _ = self.call("POST", f"/orders/{order_id}/cancel", b"{}",
                                 {"Idempotency-Key": f"cancel-{order['n']}"} if order["key"] else {})
        self.ledger.write(op="cancel", n=order["n"], order=order_id, t0=start, t1=time.time(), status=status)
        if status in (None, 503) and attempt < 20:
            self.agenda.add(0.5, self.cancel, order, order_id, attempt + 1)

    def other_body(self, order, body):
        start = time.time()
        status, _, _ = self.call("POST", "/orders", body.replace(b'"quantity": ', b'"quantity": 1'),
                                 {"Idempotency-Key": order["key"]})
        self.ledger.write(op="other body", n=order["n"], t0=start, t1=time.time(), status=status)

    def read(self, order, order_id):
        start = time.time()
        status, _, got = self.call("GET", f"/orders/{order_id}")
        self.ledger.write(op="read", n=order["n"], order=order_id, t0=start, t1=time.time(), status=status,
                          version=got.get("version"), state=got.get("status"))

    def rush(self, n, product, count):
        """Many customers for one piece, all at once."""
        for i in range(count):
            order = make_order(n + i, self.options.seed, self.world)
            order.update(items=[[product, 1, 999]], total=999, token="tok_ok", cancel=None, leaves=False,
                         gives_up=False, key=f"key-{self.options.seed}-{n + i}")
            self.agenda.add(0, self.begin, order)

    def run(self):
        threads = [threading.Thread(target=self.agenda.work, daemon=True) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        start, n, pace = time.monotonic(), 0, self.options.seconds / self.options.orders
        rushes = list(self.world["rush"])
        while n < self.options.orders or not os.path.exists(self.options.until):
            due = start + n * pace
            time.sleep(max(0.0, due - time.monotonic()))
            if rushes and n >= rushes[0]["after"]:
                rush = rushes.pop(0)
                self.rush(n, rush["product"], rush["count"])
                n += rush["count"]
            else:
                self.agenda.add(0, self.begin, make_order(n, self.options.seed, self.world))
                n += 1
            while len(self.agenda.heap) > 2000:  # behind: the suite sets the pace
                time.sleep(0.05)
            if time.monotonic() - due > 5:
                start += time.monotonic() - due
        while not self.agenda.idle():
            time.sleep(0.1)
        self.agenda.close()
        self.ledger.write(op="end", orders=n)


def main():
    parser = argparse.ArgumentParser(description="load client of the chaos runner")
    for name, kind in (("port", int), ("orders", int), ("seconds", float), ("seed", int), ("ledger", str),
                       ("world", str), ("until", str)):
        parser.add_argument("--" + name, type=kind, required=True)
    options = parser.parse_args()
    with open(options.world, encoding="utf-8") as file:
        world = json.load(file)
    Customers(options, world, Ledger(options.ledger)).run()


if __name__ == "__main__":
    main()
