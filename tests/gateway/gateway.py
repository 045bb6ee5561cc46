#!/usr/bin/env python3
"""A payment gateway for tests: charges and refunds over HTTP, a ledger on disk, and every fault a real one can have.

The protocol (JSON, amounts in minor units):

  POST /charges         Idempotency-Key, {orderId, customerId, amount, currency, token?}
                        201 {chargeId, status: "succeeded"} or 402 {status: "declined", reason}
  GET  /charges/<key>   200 or 402 as above, 404: never seen
  POST /refunds         Idempotency-Key, {chargeId, amount}    201 {refundId}

The same key always gets the same answer and has one effect; the same key with another body is 422, an amount of nothing 400. With --key every
call needs "Authorization: Bearer <key>". Tokens: tok_ok is approved, tok_declined declined, tok_error always 500.

The ledger (--ledger) gets one line of JSON for each effect, on disk before the answer leaves:

  {"what": "capture" | "decline" | "refund", "key", "orderId", "amount", "currency", "id", "time"}

It is read back at the start, so a gateway that was killed knows every key again.

Faults, by --fault NAME=HOW (repeated) or while it runs:

  GET /faults           what is set, and how often each has happened
  POST /faults          {"NAME": "HOW", ...} changes these, "0" ends one
  DELETE /faults        ends all
  POST /land            what is "late" happens now
  GET /ledger           {"entries": [the lines of the ledger]}
  GET /requests         {"requests": {"charge": N, "look": N, "refund": N}}

NAME is one of these, alone (POSTs and GETs alike) or for one call only: charge.NAME, look.NAME, refund.NAME.

  slow            answers after slow_ms
  500_before      500, nothing happened            500_after      500, but it happened
  429             429, nothing happened
  reset_before    connection reset, nothing        reset_after    connection reset, but it happened
  silent_before   no answer at all, nothing        silent_after   no answer at all, but it happened
  late            500 at once, and it happens late_ms after that, or at POST /land: a request that was stuck on the way
  malformed       it happened, the answer is cut   oversized      it happened, the answer is of a megabyte
  wrong_shape     it happened, the answer is other JSON
  decline         of a charge: it is declined
  400 422         a definite no, with a reason     401 403        the caller's key is refused; nothing happened either way

HOW is a chance, "0.1", or how often it happens from now on, "3x". slow_ms ("100-300" or "200"), late_ms and hold_ms
(how long a silent connection is kept open) are set in the same way. Whether a fault of some chance happens follows from
--seed, the key, and the how-manyeth request with this key it is: the same requests have the same faults.
"""

import argparse
import hashlib
import http.server
import json
import os
import random
import re
import select
import socket
import socketserver
import struct
import sys
import threading
import time

BEFORE = ("500_before", "429", "400", "422", "401", "403", "reset_before", "silent_before", "late")
REFUSALS = {"400": "this card is of no use here", "422": "this token is of no use here", "401": "who are you?",
            "403": "your key may not do this"}
AFTER = ("500_after", "reset_after", "silent_after", "malformed", "oversized", "wrong_shape")
FAULTS = ("slow", "decline") + BEFORE + AFTER
TIMES = ("slow_ms", "late_ms", "hold_ms")
BODY_MAX = 65536


class Refused(Exception):
    """A request that is answered with an error of its own."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status


class Faults:
    """What goes wrong, and how often it did."""

    def __init__(self, seed):
        self.seed = seed
        self.lock = threading.Lock()
        self.times = {"slow_ms": (200, 200), "late_ms": (1000, 1000), "hold_ms": (60000, 60000)}
        self.rules = {}  # name -> ["chance", 0.1] or ["times", 3]
        self.happened = {}
        self.asked = {}  # (call, key) -> requests so far

    def set(self, name, how):
        how = str(how)
        if name in TIMES:
            found = re.fullmatch(r"(\d+)(?:-(\d+))?", how)
            if not found:
                raise ValueError(f"{name}: {how!r} is neither milliseconds nor a range of them")
            low = int(found.group(1))
            self.times[name] = (low, int(found.group(2) or low))
            return
        call, _, plain = name.rpartition(".")
        if plain not in FAULTS or call not in ("", "charge", "look", "refund"):
            raise ValueError(f"{name}: there is no such fault")
        if re.fullmatch(r"\d+x", how):
            rule = ["times", int(how[:-1])]
        else:
            rule = ["chance", float(how)]
            if not 0 <= rule[1] <= 1:
                raise ValueError(f"{name}: a chance is 0 to 1")
        with self.lock:
            self.rules[name] = rule

    def clear(self):
        with self.lock:
            self.rules.clear()

    def shown(self):
        with self.lock:
            rules = {name: f"{rule[1]}x" if rule[0] == "times" else rule[1] for name, rule in self.rules.items()}
            return {"faults": rules, "times": self.times, "happened": dict(self.happened)}

    def chance(self, *words):
        digest = hashlib.sha256("|".join(map(str, (self.seed,) + words)).encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    def pause(self, name):
        low, high = self.times[name]
        return random.uniform(low, high) / 1000

    def next_of(self, call, key):
        """Counts the request; its number goes into what happens by chance."""
        with self.lock:
            self.asked[call, key] = self.asked.get((call, key), 0) + 1
            return self.asked[call, key]

    def happens(self, fault, call, key, number):
        with self.lock:
            for name in (f"{call}.{fault}", fault):
                rule = self.rules.get(name)
                if not rule:
                    continue
                if rule[0] == "times":
                    hit = rule[1] > 0
                    rule[1] -= hit
                else:
                    hit = self.chance(fault, call, key, number) < rule[1]
                if hit:
                    self.happened[name] = self.happened.get(name, 0) + 1
                    return True
        return False


class Ledger:
    """Every effect there was, in memory and on disk. A key has at most one."""

    def __init__(self, path):
        self.lock = threading.Lock()
        self.entries = []
        self.by_key = {}  # (kind, key) -> entry; kind: charge or refund
        self.captures = {}  # id -> entry
        self.given_back = {}  # id of a capture -> amount
        self.file = open(path, "a+", encoding="utf-8") if path else None
        if self.file:
            self.read_back()

    def read_back(self):
        self.file.seek(0)
        for line in self.file:
            if line.endswith("\n"):  # else: killed while writing, and nobody was answered
                self.keep(json.loads(line))
        self.file.truncate(sum(len(json.dumps(entry)) + 1 for entry in self.entries))

    def keep(self, entry):
        self.entries.append(entry)
        self.by_key["refund" if entry["what"] == "refund" else "charge", entry["key"]] = entry
        if entry["what"] == "capture":
            self.captures[entry["id"]] = entry
        if entry["what"] == "refund":
            charge = entry["body"]["chargeId"]
            self.given_back[charge] = self.given_back.get(charge, 0) + entry["amount"]

    def add(self, what, key, order, amount, currency, body):
        """The lock is held."""
        prefix = {"capture": "ch_", "decline": "dc_", "refund": "re_"}[what]
        entry = {"what": what, "key": key, "orderId": order, "amount": amount, "currency": currency,
                 "id": prefix + hashlib.sha256(f"{what}|{key}".encode()).hexdigest()[:24],
                 "time": time.time(), "body": body}
        if self.file:
            self.file.write(json.dumps(entry) + "\n")
            self.file.flush()
            os.fsync(self.file.fileno())
        self.keep(entry)
        return entry

    def known(self, kind, key, body):
        entry = self.by_key.get((kind, key))
        if entry and entry["body"] != body:
            raise Refused(422, "this key was used for another request")
        return entry

    def charge(self, key, body, approve):
        with self.lock:
            entry = self.known("charge", key, body)
            what = "capture" if approve else "decline"
            return entry or self.add(what, key, body["orderId"], body["amount"], body["currency"], body)

    def find(self, key):
        with self.lock:
            return self.by_key.get(("charge", key))

    def refund(self, key, body):
        with self.lock:
            entry = self.known("refund", key, body)
            if entry:
                return entry
            captured = self.captures.get(body["chargeId"])
            if not captured:
                raise Refused(422, "no such charge")
            if self.given_back.get(body["chargeId"], 0) + body["amount"] > captured["amount"]:
                raise Refused(409, "more than was charged")
            return self.add("refund", key, captured["orderId"], body["amount"], captured["currency"], body)


class Gateway(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 2048

    def __init__(self, address, faults, ledger, key):
        self.faults, self.ledger, self.key = faults, ledger, key
        self.requests = {"charge": 0, "look": 0, "refund": 0}
        self.count_lock = threading.Lock()
        self.late = []  # effects that are still on the way
        self.late_lock = threading.Lock()
        super().__init__(address, Handler)

    def server_bind(self):
        socketserver.TCPServer.server_bind(self)  # HTTPServer would look up the machine's name
        self.server_name, self.server_port = self.server_address[:2]

    def count(self, call):
        with self.count_lock:
            self.requests[call] += 1

    def postpone(self, act):
        timer = threading.Timer(self.faults.pause("late_ms"), self.land, [act])
        timer.daemon = True
        with self.late_lock:
            self.late.append(act)
        timer.start()

    def land(self, which=None):
        """This one, or all; how many there were."""
        with self.late_lock:
            acts = [act for act in self.late if which is None or act is which]
            self.late = [act for act in self.late if act not in acts]
        for act in acts:
            try:
                act()
            except Refused:
                pass  # nobody is there any more to be told
        return len(acts)

    def shutdown_request(self, request):
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack("ii", 1, 0):
            self.close_request(request)  # without a farewell: a reset
        else:
            super().shutdown_request(request)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together
    disable_nagle_algorithm = True
    timeout = 120

    def log_message(self, *_):
        pass

    # ---- answers

    def answer_text(self, status, text, headers=()):
        raw = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def answer(self, status, value, headers=()):
        self.answer_text(status, json.dumps(value), headers)

    def answer_entry(self, entry, created):
        if entry["what"] == "refund":
            self.answer(201, {"refundId": entry["id"]})
        elif entry["what"] == "capture":
            self.answer(201 if created else 200, {"chargeId": entry["id"], "status": "succeeded"})
        else:
            self.answer(402, {"status": "declined", "reason": "card declined"})

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def be_silent(self):
        """Until the client gives up, or hold_ms."""
        select.select([self.connection], [], [], self.server.faults.pause("hold_ms"))
        self.close_connection = True

    # ---- requests

    def read_body(self):
        try:
            length = int(self.headers.get("Content-Length", "0"))
        except ValueError:
            length = -1
        if not 0 <= length <= BODY_MAX:
            self.close_connection = True
            raise Refused(413, "the body is too large")
        try:
            body = json.loads(self.rfile.read(length) or b"{}")
        except ValueError as error:
            raise Refused(400, "the body is not JSON") from error
        if not isinstance(body, dict):
            raise Refused(400, "the body is not an object")
        return body

    def check_caller(self):
        if self.server.key and self.headers.get("Authorization") != f"Bearer {self.server.key}":
            raise Refused(401, "who are you?")

    def need(self, body, **kinds):
        for name, kind in kinds.items():
            if not isinstance(body.get(name), kind) or isinstance(body.get(name), bool):
                raise Refused(400, f"{name} is missing or of the wrong type")
        if body["amount"] < 1:
            raise Refused(400, "amount is less than 1")
        key = self.headers.get("Idempotency-Key", "")
        if not key:
            raise Refused(400, "there is no Idempotency-Key")
        return key

    def guarded(self, act):
        try:
            act()
        except Refused as refused:
            self.answer(refused.status, {"error": str(refused)})

    def do_GET(self):
        self.guarded(self.get)

    def do_POST(self):
        self.guarded(self.post)

    def do_DELETE(self):
        self.read_body()
        if self.path != "/faults":
            self.answer(404, {"error": "no such path"})
            return
        self.server.faults.clear()
        self.answer(200, self.server.faults.shown())

    def get(self):
        server = self.server
        if self.path == "/faults":
            self.answer(200, server.faults.shown())
        elif self.path == "/ledger":
            with server.ledger.lock:
                entries = list(server.ledger.entries)
            self.answer(200, {"entries": entries})
        elif self.path == "/requests":
            self.answer(200, {"requests": server.requests})
        elif self.path.startswith("/charges/"):
            self.check_caller()
            key = self.path[len("/charges/"):]
            self.faulty("look", key, lambda: server.ledger.find(key))
        else:
            self.answer(404, {"error": "no such path"})

    def post(self):
        body = self.read_body()
        if self.path == "/faults":
            self.set_faults(body)
            return
        if self.path == "/land":
            self.answer(200, {"landed": self.server.land()})
            return
        self.check_caller()
        if self.path == "/charges":
            self.charge(body)
        elif self.path == "/refunds":
            key = self.need(body, chargeId=str, amount=int)
            self.faulty("refund", key, lambda: self.server.ledger.refund(key, body))
        else:
            self.answer(404, {"error": "no such path"})

    def set_faults(self, body):
        try:
            for name, how in body.items():
                self.server.faults.set(name, how)
        except ValueError as error:
            raise Refused(400, str(error)) from error
        self.answer(200, self.server.faults.shown())

    def charge(self, body):
        faults, ledger = self.server.faults, self.server.ledger
        key = self.need(body, orderId=str, customerId=str, amount=int, currency=str)
        token = body.get("token", "")
        if token == "tok_error":
            self.server.count("charge")
            self.answer(500, {"error": "the token says so"})
            return

        def act():
            if token in ("tok_ok", "tok_declined"):
                approve = token == "tok_ok"
            else:
                approve = ledger.find(key) is not None or not faults.happens("decline", "charge", key, 1)
            return ledger.charge(key, body, approve)

        self.faulty("charge", key, act)

    # ---- faults around an effect

    def faulty(self, call, key, act):
        faults = self.server.faults
        self.server.count(call)
        number = faults.next_of(call, key)
        if faults.happens("slow", call, key, number):
            time.sleep(faults.pause("slow_ms"))
        for fault in BEFORE:
            if faults.happens(fault, call, key, number):
                self.fail(fault, act)
                return
        entry = act()
        for fault in AFTER:
            if faults.happens(fault, call, key, number):
                self.fail(fault, act)
                return
        if entry is None:
            self.answer(404, {"error": "never seen"})
        else:
            self.answer_entry(entry, created=call != "look")

    def fail(self, fault, act):
        if fault == "429":
            self.answer(429, {"error": "slow down"}, [("Retry-After", "1")])
        elif fault in REFUSALS:
            self.answer(int(fault), {"reason": REFUSALS[fault]})
        elif fault == "late":
            self.server.postpone(act)
            self.answer(500, {"error": "stuck"})
        elif fault.startswith("500"):
            self.answer(500, {"error": "something broke"})
        elif fault.startswith("reset"):
            self.reset()
        elif fault.startswith("silent"):
            self.be_silent()
        elif fault == "malformed":
            self.answer_text(201, '{"chargeId":"ch_1","status":"succ')
        elif fault == "oversized":
            self.answer_text(201, '{"chargeId":"' + "x" * 1048576 + '"}')
        else:
            self.answer(201, {"chargeId": 17, "status": ["succeeded"], "refundId": None})


def read_command_line():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    words.add_argument("--port", type=int, default=0, help="port to listen on; 0, the default: a free one")
    words.add_argument("--port-file", help="file that gets the port once it listens")
    words.add_argument("--ledger", help="file of what happened, appended to; without it nothing is kept")
    words.add_argument("--key", default="", help="the bearer token callers must show")
    words.add_argument("--seed", type=int, default=1, help="of what happens by chance (1)")
    words.add_argument("--fault", action="append", default=[], metavar="NAME=HOW", help="see above")
    return words.parse_args(), words


def main():
    args, words = read_command_line()
    faults = Faults(args.seed)
    for text in args.fault:
        name, _, how = text.partition("=")
        try:
            faults.set(name, how)
        except ValueError as error:
            words.error(str(error))
    server = Gateway((args.host, args.port), faults, Ledger(args.ledger), args.key)
    if args.port_file:
        with open(args.port_file + ".new", "w", encoding="ascii") as file:
            file.write(f"{server.server_port}\n")
        os.replace(args.port_file + ".new", args.port_file)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
