#!/usr/bin/python3
"""The judge of a chaos run. Shares no code with the suite or the runner and believes only what can be seen from outside.

    checker.py collect DIR    while the services run: asks their HTTP APIs about everything that the ledger names
    checker.py check DIR      afterwards: reads DIR alone, prints each invariant with its counts; exit 1 on a violation

In DIR: ledger.jsonl (L, written by the load client), captured.jsonl (O, heard by an own queue bound to "#"),
gateway.jsonl (G, when a payment gateway of our own ran), copies of the stores (final/ or stores/, and early/ taken in
the middle), what collect wrote (api.jsonl, pages.jsonl), and the runner's notes: deaths, samples, stock, poison,
parked, holes, faults, world. The rules below are written anew from the contract; where the suite and this page
disagree, one of them is wrong.
"""
import collections
import contextlib
import hashlib
import http.client
import json
import os
import re
import sqlite3
import sys

SERVICES = ("order", "payment", "inventory", "notification")
SHOWN = 5
FINAL = {"READY_FOR_SHIPMENT", "PAYMENT_FAILED", "CANCELLED"}
MONEY_BACK = {"CANCELLED", "PAYMENT_FAILED"}
DEATH_WORDS = re.compile(rb"AddressSanitizer|runtime error:|LeakSanitizer|ThreadSanitizer|broken invariant|Assertion")
# What a reader of the logs may see of a person: the simulated message itself.
SIMULATED = re.compile(rb"(mail|SMS) sent \(simulated\)")
CUSTOMER = "CUSTOMER_REQUEST"

# Contract section 3: from which status which other may be reached.
NEXT = {None: {"CREATED"}, "CREATED": {"PAID", "PAYMENT_FAILED", "CANCELLING"},
        "PAID": {"READY_FOR_SHIPMENT", "INVENTORY_ISSUE", "CANCELLING"}, "READY_FOR_SHIPMENT": {"CANCELLING"},
        "INVENTORY_ISSUE": {"CANCELLED"}, "CANCELLING": {"CANCELLED"}, "PAYMENT_FAILED": set(), "CANCELLED": set()}
# What must have been heard before a status is entered: one of each group.
NEEDS = {"PAID": [{"PaymentProcessed"}], "READY_FOR_SHIPMENT": [{"PaymentProcessed"}, {"InventoryReserved"}],
         "PAYMENT_FAILED": [{"PaymentFailed"}], "INVENTORY_ISSUE": [{"PaymentProcessed"}, {"ProductOutOfStock"}]}
MONEY_SETTLED = {"PaymentRefunded", "PaymentVoided", "PaymentFailed"}
REASONS_OF = {"CREATED": {CUSTOMER, "PAYMENT_TIMEOUT"}, "PAID": {CUSTOMER, "INVENTORY_TIMEOUT"},
              "READY_FOR_SHIPMENT": {CUSTOMER}}
STREAM_TYPES = {"OrderPlaced", "OrderUpdated", "OrderCancelled", "PaymentProcessed", "PaymentFailed", "PaymentRefunded",
                "PaymentVoided", "InventoryReserved", "InventoryReleased", "ProductOutOfStock"}


def cents(text):
    """A JSON amount as minor units; exact, and None for what has more than two decimals."""
    match = re.fullmatch(r"(\d+)(?:\.(\d{1,2}))?", str(text))
    return int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0")) if match else None


def parse(text):
    """JSON with its numbers as they were written."""
    return json.loads(text, parse_float=str)


def lines_of(path):
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


# ---- collect: the HTTP APIs -----------------------------------------------------------------------------------------

class Asker:
    def __init__(self, port):
        self.port, self.connection = port, None

    def get(self, path):
        for _ in range(3):
            try:
                self.connection = self.connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
                self.connection.request("GET", path)
                answer = self.connection.getresponse()
                return answer.status, answer.read().decode("utf-8")
            except (OSError, http.client.HTTPException):
                self.connection = None
        return None, ""


def collect(folder):
    with open(os.path.join(folder, "world.json"), encoding="utf-8") as file:
        ports = json.load(file)["ports"]
    askers = {name: Asker(port) for name, port in ports.items()}
    orders = {}
    for line in lines_of(os.path.join(folder, "ledger.jsonl")):
        if line["op"] == "place" and line["status"] == 201:
            orders[line["order"]] = None
    with open(os.path.join(folder, "api.jsonl"), "w", encoding="utf-8") as out:
        for order in orders:
            row = {"order": order}
            for name, asker, path in (("get", "order", f"/orders/{order}"), ("events", "order", f"/orders/{order}/events"),
                                      ("payment", "payment", f"/payments/{order}")):
                row[name + "_status"], row[name] = askers[asker].get(path)
            out.write(json.dumps(row) + "\n")
    with open(os.path.join(folder, "pages.jsonl"), "w", encoding="utf-8") as out:
        for name in SERVICES:
            for path in ("/metrics", "/readyz"):
                status, text = askers[name].get(path)
                out.write(json.dumps({"service": name, "path": path, "status": status, "text": text}) + "\n")
        status, text = askers["inventory"].get("/inventory")
        out.write(json.dumps({"service": "inventory", "path": "/inventory", "status": status, "text": text}) + "\n")
        for order in list(orders)[:200]:
            status, text = askers["notification"].get(f"/notifications?orderId={order}")
            out.write(json.dumps({"service": "notification", "path": "/notifications", "order": order, "status": status,
                                  "text": text}) + "\n")
    print(f"collected {len(orders)} orders over HTTP")
    return 0


# ---- evidence: what is in the folder ---------------------------------------------------------------------------------

class Row:
    """One event of a log."""
    __slots__ = ("seq", "origin", "version", "at", "id", "type", "subject", "cause", "body")

    def __init__(self, values):
        for name, value in zip(self.__slots__, values):
            setattr(self, name, value)

    def data(self):
        return parse(self.body)["data"]


class Store:
    """A copy of one service's database."""

    def __init__(self, path):
        self.db = sqlite3.connect(path)

    def rows(self, sql, *arguments):
        return self.db.execute(sql, arguments).fetchall()

    def numbers(self):
        """Of each type that the service says: how many there are, and the number of the last."""
        return self.rows("SELECT type, count(*), max(number) FROM event_log WHERE origin = 1 GROUP BY type")

    def log(self):
        for values in self.db.execute("SELECT seq, origin, subject_version, logged_at_ms, event_id, type, subject,"
                                      " causation_id, body FROM event_log ORDER BY seq"):
            yield Row(values)


class Evidence:
    def __init__(self, folder):
        self.folder = folder
        with open(self.path("world.json"), encoding="utf-8") as file:
            self.world = json.load(file)
        base = self.path("final") if os.path.exists(self.path("final")) else self.path("stores")
        self.stores = {name: Store(os.path.join(base, f"{name}.db")) for name in SERVICES}
        self.read_ledger()
        self.read_logs()
        self.read_api()
        self.read_captured()
        self.poison_ids = {line["id"] for line in lines_of(self.path("poison.jsonl")) if line["id"]}

    def path(self, name):
        return os.path.join(self.folder, name)

    def read_ledger(self):
        self.plans, self.places, self.reads, self.cancels, self.others = {}, collections.defaultdict(list), [], [], []
        self.restocked = collections.Counter()
        kinds = {"read": self.reads, "cancel": self.cancels, "other body": self.others}
        for line in lines_of(self.path("ledger.jsonl")):
            if line["op"] == "plan":
                self.plans[line["n"]] = line
            elif line["op"] == "place":
                self.places[line["n"]].append(line)
            elif line["op"] in kinds:
                kinds[line["op"]].append(line)
        self.of_customer = {plan["customer"]: plan for plan in self.plans.values()}

    def read_logs(self):
        """The events that each service said, and the orders' streams."""
        self.said, self.streams, self.foreign = {}, collections.defaultdict(list), []
        self.by_order = collections.defaultdict(list)  # what anybody said about an order
        self.gaps = []
        for name, store in self.stores.items():
            versions = collections.Counter()
            for row in store.log():
                versions[row.subject] += 1
                if row.version != versions[row.subject]:
                    self.gaps.append(f"{name} {row.subject}: version {row.version} instead of {versions[row.subject]}")
                    versions[row.subject] = row.version
                if row.origin == 1:
                    if row.id in self.said:
                        self.gaps.append(f"{name} {row.id}: said twice in the logs")
                    self.said[row.id] = (name, row)
                    self.by_order[row.subject].append(row)
                else:
                    self.foreign.append((name, row))
                if name == "order" and row.type in STREAM_TYPES:
                    self.streams[row.subject].append(row)

    def read_api(self):
        self.api = {line["order"]: line for line in lines_of(self.path("api.jsonl"))}
        self.pages = list(lines_of(self.path("pages.jsonl")))

    def read_captured(self):
        """Each captured id with a digest of its body, and how often it was heard."""
        self.heard, self.heard_twice = {}, 0
        self.conflicts = []
        for line in lines_of(self.path("captured.jsonl")):
            body = line["body"].encode("latin-1")
            digest = hashlib.sha1(body).digest()
            event = line["id"]
            if event in self.heard:
                self.heard_twice += 1
                if self.heard[event] != digest:
                    self.conflicts.append(event)
            self.heard[event] = digest

    def order_row(self, order_id):
        rows = self.stores["order"].rows("SELECT status, version FROM orders WHERE order_id = ?", order_id)
        return rows[0] if rows else None


# ---- the invariants --------------------------------------------------------------------------------------------------

CHECKS = []


def invariant(identifier, title):
    def note(check):
        CHECKS.append((identifier, title, check))
        return check
    return note


class Verdict:
    """What one check has counted, and what it has against the run."""

    def __init__(self):
        self.violations, self.counts = [], []

    def count(self, number, words):
        self.counts.append(f"{number} {words}")

    def against(self, sentence):
        self.violations.append(sentence)

    def want(self, good, sentence):
        if not good:
            self.against(sentence)


@invariant("I1", "no lost order")
def no_lost_order(e, v):
    accepted = 0
    for n, answers in e.places.items():
        for order in {a["order"] for a in answers if a["status"] == 201}:
            accepted += 1
            v.want(order in e.api and e.api[order]["get_status"] == 200, f"{order} (n {n}) was accepted and cannot be fetched")
            placed = [row for row in e.streams.get(order, ()) if row.type == "OrderPlaced"]
            v.want(len(placed) == 1, f"{order} has {len(placed)} OrderPlaced")
    v.count(accepted, "accepted orders, each fetched and placed once")
    v.want(accepted > 0, "nothing was accepted at all")


@invariant("I2", "ambiguity resolved")
def ambiguity_resolved(e, v):
    orders_of = collections.defaultdict(set)
    for order, stream in e.streams.items():
        orders_of[stream[0].data()["customerId"]].add(order)
    silent = unanswered = 0
    for n, plan in e.plans.items():
        made = orders_of.get(plan["customer"], set())
        answers = e.places[n]
        lost = [a for a in answers if a["status"] is None]
        silent += len(lost)
        if plan["key"]:
            v.want(len(made) <= 1, f"n {n}: one key, {len(made)} orders")
        told = {a["order"] for a in answers if a["status"] == 201}
        if plan["key"] is None:
            v.want(len(made) <= len(told) + len(lost), f"n {n}: {len(made)} orders of {len(told)} answers and {len(lost)} silences")
        v.want(told <= made, f"n {n}: told of {told}, there are {made}")
        unanswered += not told
    strangers = set(orders_of) - set(e.of_customer)
    v.want(not strangers, f"orders of nobody: {sorted(strangers)[:3]}")
    v.count(silent, "requests without an answer")
    v.count(unanswered, f"of {len(e.plans)} customers never had one")


@invariant("I3", "idempotency")
def idempotency(e, v):
    keys = repeats = conflicts = replayed = 0
    for n, answers in e.places.items():
        if not e.plans[n]["key"]:
            continue
        keys += 1
        repeats += len(answers) - 1
        ids = {a["order"] for a in answers if a["status"] == 201}
        v.want(len(ids) <= 1, f"key of n {n}: {ids}")
        conflicts += sum(a["status"] == 409 for a in answers)
        replayed += sum(a["replayed"] for a in answers)
        v.want(all(a["status"] in (201, 409, 503, None) for a in answers),
               f"n {n}: {[a['status'] for a in answers]}")
        firsts = [a for a in answers if a["status"] == 201 and not a["replayed"]]
        v.want(len(firsts) <= 1, f"n {n}: {len(firsts)} first answers")
    others = [o for o in e.others if o["status"] is not None]
    for other in others:
        v.want(other["status"] in (422, 409, 503), f"n {other['n']}: another body under its key got {other['status']}")
    v.count(keys, "keys")
    v.count(repeats, f"repeats ({replayed} replayed, {conflicts} told to wait)")
    v.count(len(others), "other bodies refused")


def captures_of(e):
    """order -> [(amount, currency, name of the charge)], refunds the same; from G, else from what payment has said."""
    captures, refunds = collections.defaultdict(list), collections.defaultdict(list)
    ledger = e.path("gateway.jsonl")
    if os.path.exists(ledger):
        for line in lines_of(ledger):
            target = {"capture": captures, "refund": refunds}.get(line["what"])
            if target is not None:
                target[line["orderId"]].append((line["amount"], line["currency"], line["id"]))
        return captures, refunds, "the gateway's ledger"
    seen = set()
    for name, row in e.said.values():
        if name != "payment" or row.type not in ("PaymentProcessed", "PaymentRefunded"):
            continue
        data = row.data()
        charge = row.type == "PaymentProcessed"
        if charge and cents(data["amount"]) == 0:  # a free order: no money moved
            continue
        what = (row.subject, data["transactionId"] if charge else data["refundId"])
        if what in seen and not charge:  # the same refund may be told of again
            continue
        seen.add(what)
        (captures if charge else refunds)[row.subject].append((cents(data["amount"]), None, what[1]))
    return captures, refunds, "payment's events"


@invariant("I4", "no double charge")
def no_double_charge(e, v):
    captures, _, source = captures_of(e)
    for order, taken in captures.items():
        v.want(len(taken) <= 1, f"{order} was charged {len(taken)} times: {taken}")
        plan = plan_of(e, order)
        for amount, currency, _ in taken:
            v.want(plan is not None and amount == plan["total"], f"{order}: {amount} charged of {plan and plan['total']}")
            v.want(currency in (None, plan and plan["currency"]), f"{order}: charged in {currency}")
            v.want(amount > 0, f"{order} is free, and a gateway was asked")
    free = free_orders(e, v)
    for order, status, amount in e.stores["payment"].rows("SELECT order_id, status, amount_minor FROM payment"):
        plan = plan_of(e, order)
        v.want(status == "VOIDED" or plan is not None and amount == plan["total"], f"{order}: payment of {amount}")
        taken = len(captures.get(order, ()))
        v.want(status != "SUCCESS" or taken == (amount > 0), f"{order} is {status} with {taken} captures")
    v.count(len(captures), f"captures of {len(e.streams)} orders, from {source}, and {free} that were free")


def free_orders(e, v):
    """How many were paid with nothing, each by the id that says so and never with money that goes back."""
    count = 0
    for name, row in e.said.values():
        if name != "payment" or row.type not in ("PaymentProcessed", "PaymentRefunded"):
            continue
        data = row.data()
        if cents(data["amount"]) > 0:
            continue
        v.want(row.type == "PaymentProcessed" and data["transactionId"] == f"TXN-free-{row.subject}",
               f"{row.subject} is free, and {row.type} says {data['transactionId']}")
        count += 1
    return count


def plan_of(e, order):
    stream = e.streams.get(order)
    return e.of_customer.get(stream[0].data()["customerId"]) if stream else None


@invariant("I5", "no orphan charge")
def no_orphan_charge(e, v):
    captures, refunds, _ = captures_of(e)
    for order in list(captures) + list(refunds):
        v.want(order in e.streams, f"money moved for {order}, which was never placed")
    v.count(len(captures) + len(refunds), f"movements of money ({len(captures)} captures), each for an order in the log")


@invariant("I6", "refund conservation")
def refund_conservation(e, v):
    captures, refunds, _ = captures_of(e)
    counts = collections.Counter()
    balance = collections.Counter()
    for line in lines_of(e.path("gateway.jsonl")):
        balance[line["orderId"]] += {"capture": 1, "refund": -1}.get(line["what"], 0) * line["amount"]
        v.want(balance[line["orderId"]] >= 0, f"{line['orderId']}: refunded before it was charged")
    for order, stream in e.streams.items():
        taken = sum(c[0] for c in captures.get(order, ()))
        given = sum(r[0] for r in refunds.get(order, ()))
        status = status_of(stream)
        counts[status] += 1
        v.want(given <= taken, f"{order}: {given} given back of {taken}")
        v.want(len(refunds.get(order, ())) <= 1, f"{order}: refunded {len(refunds.get(order, ()))} times")
        if status in MONEY_BACK:
            v.want(taken == given, f"{order} is {status} and {taken - given} were kept")
        if status == "READY_FOR_SHIPMENT":
            total = cents(stream[0].data()["totalAmount"])
            v.want(taken == total and given == 0, f"{order} is ready: {taken} of {total} taken, {given} given back")
    v.count(sum(len(r) for r in refunds.values()), "refunds; " + ", ".join(f"{n} {s}" for s, n in sorted(counts.items())))


def status_of(stream):
    status = "CREATED"
    for row in stream:
        if row.type == "OrderUpdated":
            status = row.data()["status"]
    return status


def pieces_of(stream):
    pieces = collections.Counter()
    for item in stream[0].data()["items"]:
        pieces[item["productId"]] += item["quantity"]
    return pieces


def promised(e):
    """Units per product in orders that are ready for shipment."""
    units = collections.Counter()
    for stream in e.streams.values():
        if status_of(stream) == "READY_FOR_SHIPMENT":
            units.update(pieces_of(stream))
    return units


@invariant("I7", "stock conservation")
def stock_conservation(e, v):
    initial, snapshots = e.world["stock"], 0
    for line in lines_of(e.path("stock.jsonl")):
        snapshots += 1
        for product in line["products"]:
            check_product(v, initial, product["productId"], product["quantity"], product["reserved"])
    units = promised(e)
    for name, quantity, reserved in e.stores["inventory"].rows("SELECT product_id, quantity, reserved FROM product"):
        check_product(v, initial, name, quantity, reserved)
        v.want(reserved == units[name], f"{name}: {reserved} reserved, orders hold {units[name]}")
    for page in e.pages:
        if page["path"] == "/inventory" and page["status"] == 200:
            for product in parse(page["text"])["products"]:
                check_product(v, initial, product["productId"], product["quantity"], product["reserved"])
    v.count(len(initial), f"products in {snapshots} snapshots; {sum(units.values())} units held at the end")
    v.want(snapshots > 0, "the stock was never looked at")


def check_product(v, initial, name, quantity, reserved):
    v.want(quantity >= 0 and reserved >= 0 and quantity + reserved == initial.get(name),
           f"{name}: {quantity} free and {reserved} reserved of {initial.get(name)}")


@invariant("I8", "no oversell")
def no_oversell(e, v):
    units, scarce = promised(e), 0
    wanted = collections.Counter()
    for stream in e.streams.values():
        wanted.update(pieces_of(stream))
    for product, stock in e.world["stock"].items():
        v.want(units[product] <= stock, f"{product}: {units[product]} sold of {stock}")
        scarce += wanted[product] > stock
    v.count(sum(units.values()), f"units sold; {scarce} products were wanted more than there were")


@invariant("I9", "termination")
def termination(e, v):
    open_orders = [(o, status_of(s)) for o, s in e.streams.items() if status_of(s) not in FINAL]
    for order, status in open_orders:
        v.against(f"{order} is {status}")
    v.count(len(e.streams), f"orders, {len(open_orders)} without an end")


@invariant("I10", "streams")
def streams(e, v):
    for gap in e.gaps:
        v.against(gap)
    compared = 0
    for name, store in e.stores.items():
        for kind, rows, last in store.numbers():
            v.want(rows == last, f"{name} has {rows} {kind}, and the last is number {last}")
        early = e.path(f"early/{name}.db")
        if not os.path.exists(early):
            continue
        before = {(r.subject, r.version): (r.id, r.body) for r in Store(early).log()}
        compared += len(before)
        for row in store.log():
            old = before.pop((row.subject, row.version), None)
            v.want(old is None or old == (row.id, row.body), f"{name} {row.subject}/{row.version} was rewritten")
        for subject, version in list(before)[:SHOWN]:
            v.against(f"{name} {subject}/{version} was lost")
    for order, stream in e.streams.items():
        if order in e.api and e.api[order]["events_status"] == 200:
            shown = json.loads(e.api[order]["events"])["events"]
            v.want([s["eventId"] for s in shown] == [r.id for r in stream], f"{order}: the API shows another stream")
    v.count(len(e.streams), f"streams without a gap; {compared} rows of an earlier copy found again byte for byte")


@invariant("I11", "legal history")
def legal_history(e, v):
    changes = late = 0
    for order, stream in e.streams.items():
        told = Teller(order, v)
        for row in stream:
            told.hear(row)
        told.finish()
        changes += told.changes
        late += told.late
    v.count(changes, f"changes of status, all legal; {late} times late money or stock was asked back")


class Teller:
    """Walks one stream and objects to what the contract does not allow."""

    def __init__(self, order, verdict):
        self.order, self.verdict = order, verdict
        self.status, self.seen, self.changes, self.late = None, collections.Counter(), 0, 0
        self.owes_cancel = None

    def object(self, sentence):
        self.verdict.against(f"{self.order}: {sentence}")

    def hear(self, row):
        data = row.data()
        if self.status is None:
            if row.type != "OrderPlaced":
                self.object(f"begins with {row.type}")
            self.status = "CREATED"
        elif row.type == "OrderPlaced":
            self.object("was placed twice")
        elif row.type == "OrderUpdated":
            self.change(data)
        elif row.type == "OrderCancelled":
            self.cancelled(data["reason"])
        self.seen[row.type] += 1

    def change(self, data):
        before, after = data["previousStatus"], data["status"]
        if before != self.status:
            self.object(f"says it was {before}, it was {self.status}")
        if after not in NEXT[self.status]:
            self.object(f"goes from {self.status} to {after}")
        for group in NEEDS.get(after, ()):
            if not any(self.seen[t] for t in group):
                self.object(f"becomes {after} without {group}")
        if after == "CANCELLED" and not any(self.seen[t] for t in MONEY_SETTLED):
            self.object("is cancelled while the money is not settled")
        if after == "CANCELLED" and self.status == "CANCELLING" and not self.seen["InventoryReleased"]:
            self.object("is cancelled while the stock is not released")
        if after in ("CANCELLING", "INVENTORY_ISSUE", "PAYMENT_FAILED"):
            self.owes_cancel = (self.status, after)
        self.status = after
        self.changes += 1

    def cancelled(self, reason):
        if self.owes_cancel:
            before, after = self.owes_cancel
            allowed = {"INVENTORY_ISSUE": {"OUT_OF_STOCK"}, "PAYMENT_FAILED": {"PAYMENT_FAILED"}}.get(after) or REASONS_OF[before]
            if reason not in allowed:
                self.object(f"cancelled for {reason} when it went from {before} to {after}")
            self.owes_cancel = None
        elif self.status in FINAL:
            if self.status == "READY_FOR_SHIPMENT":
                self.object("says OrderCancelled while it is ready")
            self.late += 1
        elif self.status not in ("CANCELLING", "INVENTORY_ISSUE"):
            self.object(f"says OrderCancelled while it is {self.status}")

    def finish(self):
        if self.owes_cancel:
            self.object(f"went to {self.owes_cancel[1]} and never said OrderCancelled")


@invariant("I12", "replay")
def replay(e, v):
    compared = 0
    columns = "status, version, total_minor, currency, customer_id, correlation_id, transaction_id, reason, product_id"
    projection = {row[0]: row[1:] for row in e.stores["order"].rows(f"SELECT order_id, {columns} FROM orders")}
    for order, stream in e.streams.items():
        folded = fold(stream)
        row = projection.get(order)
        if row is None:
            v.against(f"{order} has a stream and no row")
            continue
        kept = tuple(None if value == "" else value for value in row)
        v.want(kept == folded, f"{order}: the fold is {folded}, the row {kept}")
        if order in e.api and e.api[order]["get_status"] == 200:
            compared += 1
            shown = parse(e.api[order]["get"])
            told = (shown["status"], shown["version"], cents(shown["totalAmount"]), shown["currency"], shown["customerId"],
                    shown["correlationId"], shown.get("transactionId"), shown.get("reason"), shown.get("productId"))
            v.want(told == folded, f"{order}: the fold is {folded}, GET says {told}")
            v.want([(i["productId"], i["quantity"], cents(i["price"])) for i in shown["items"]] ==
                   [(i["productId"], i["quantity"], cents(i["price"])) for i in stream[0].data()["items"]],
                   f"{order}: other items")
    v.want(len(projection) == len(e.streams), f"{len(projection)} rows of {len(e.streams)} streams")
    v.count(len(e.streams), f"folds equal to the read model, {compared} of them to GET")


def fold(stream):
    """Contract, section 3: an order is the sum of its events."""
    first = parse(stream[0].body)
    data, told = first["data"], {}
    for row in stream[1:]:
        more = row.data()
        if row.type == "PaymentProcessed":
            told["transaction"] = more["transactionId"]
        elif row.type == "OrderCancelled":
            told["reason"] = more["reason"]
        elif row.type == "ProductOutOfStock":
            told["product"] = more["productId"]
    return (status_of(stream), len(stream), cents(data["totalAmount"]), data["currency"], data["customerId"],
            first["correlationId"], told.get("transaction"), told.get("reason"), told.get("product"))


@invariant("I13", "event log")
def event_log(e, v):
    for name, store in e.stores.items():
        mark = store.rows("SELECT confirmed_through FROM outbox_position")[0][0]
        left = store.rows("SELECT count(*) FROM event_log WHERE origin = 1 AND seq > ?", mark)[0][0]
        held = store.rows("SELECT count(*) FROM outbox_returned")[0][0]
        v.want(left == 0 and held == 0, f"{name}: {left} events not published, {held} held")
    ghosts = [i for i in e.heard if i not in e.said and i not in e.poison_ids]
    for event in ghosts:
        v.against(f"{event} was published and is in no log")
    for event in e.conflicts:
        v.want(event in e.poison_ids, f"{event} was published with two bodies")
    for event, digest in e.heard.items():
        if event in e.said and event not in e.poison_ids:
            v.want(hashlib.sha1(e.said[event][1].body.encode()).digest() == digest, f"{event} was published as another body")
    missed, excused = 0, 0
    holes = [(h["t0"], h["t1"]) for h in lines_of(e.path("holes.jsonl"))]
    for event, (name, row) in e.said.items():
        if event not in e.heard:
            if any(t0 - 30 <= row.at / 1000 <= t1 + 5 for t0, t1 in holes):
                excused += 1
            else:
                missed += 1
                v.against(f"{name} {row.type} {event} about {row.subject} was never heard")
    v.count(len(e.said), f"events said, {len(e.heard)} heard ({e.heard_twice} repeats), {len(ghosts)} ghosts, {missed} unheard, "
            f"{excused} more while the broker had lost its disk or its exchange ({len(holes)} times)")


@invariant("I14", "effects once")
def effects_once(e, v):
    """An effect is in one event however often its cause came."""
    once = ("OrderPlaced", "PaymentProcessed", "PaymentFailed", "InventoryReserved", "ProductOutOfStock")
    effects = 0
    for order, rows in e.by_order.items():
        types = collections.Counter(row.type for row in rows)
        effects += sum(types.values())
        for name in once:
            v.want(types[name] <= 1, f"{order}: {types[name]} {name}")
        if types["PaymentProcessed"] and types["PaymentFailed"]:  # given up, and then it turned up: late money goes back
            failed = next(r.data()["status"] for r in rows if r.type == "PaymentFailed")
            v.want(failed == "ERROR" and types["PaymentRefunded"], f"{order} was paid and {failed}")
        v.want(not (types["InventoryReserved"] and types["ProductOutOfStock"]), f"{order} was reserved and out of stock")
        updates = [(d["previousStatus"], d["status"]) for d in (r.data() for r in rows if r.type == "OrderUpdated")]
        v.want(len(updates) == len(set(updates)), f"{order}: a change of status was said twice")
        given_back = [r for r in rows if r.type == "InventoryReleased" and r.data()["items"]]
        v.want(all(r.data()["items"] == given_back[0].data()["items"] for r in given_back), f"{order}: released different things")
        v.want(not given_back or types["InventoryReserved"], f"{order}: released what was never reserved")
    for name, row in e.foreign:
        origin = e.said.get(row.id)
        v.want(origin is not None and origin[1].body == row.body, f"{name} took in {row.type} {row.id} as nobody said it")
    v.count(effects, f"effects of {len(e.by_order)} subjects; {len(e.foreign)} foreign events are as they were said")


@invariant("I15", "parking")
def parking(e, v):
    parked = list(lines_of(e.path("parked.jsonl")))
    poisoned = sum(p["poisoned"] for p in parked)
    left = sum(store.rows("SELECT count(*) FROM deferred")[0][0] for store in e.stores.values())
    for name, store in e.stores.items():
        for event, kind, subject, reason in store.rows("SELECT event_id, type, subject, reason FROM deferred LIMIT 20"):
            v.against(f"{name} still holds {kind} {event} about {subject}: {reason}")
    for name, store in e.stores.items():
        acts = store.rows("SELECT count(*) FROM parked_audit WHERE action = 'discard' AND result = 'done'")[0][0]
        discarded = sum(p["poisoned"] for p in parked if p["service"] == name)
        v.want(acts == discarded, f"{name}: {discarded} messages discarded, {acts} rows of audit")
    poison = sum(1 for line in lines_of(e.path("poison.jsonl")) if line["service"] in SERVICES)
    v.count(poison, f"poison messages, {poisoned} found parked and discarded, {len(parked) - poisoned} others redriven, "
            f"{left} left")
    v.want(poison == 0 or poisoned > 0, "no poison was parked")


@invariant("I16", "monotone reads")
def monotone_reads(e, v):
    by_order = collections.defaultdict(list)
    for read in e.reads:
        by_order[read["order"]].append(read)
    good = 0
    for order, reads in by_order.items():
        reads.sort(key=lambda r: r["t0"])
        history = ["CREATED"] + [r.data()["status"] for r in e.streams.get(order, ()) if r.type == "OrderUpdated"]
        newest = None
        for read in reads:
            v.want(read["status"] in (200, 503, None), f"{order}: read with {read['status']} after a 201")
            if read["status"] != 200:
                continue
            good += 1
            v.want(read["state"] in history, f"{order}: seen as {read['state']}, was {history}")
            if newest and read["t0"] >= newest["t1"]:
                v.want(read["version"] >= newest["version"], f"{order}: version {read['version']} after {newest['version']}")
                v.want(read["version"] > newest["version"] or read["state"] == newest["state"], f"{order}: two states of one version")
            if not newest or read["version"] > newest["version"]:
                newest = read
    v.count(good, f"reads of {len(by_order)} orders")


@invariant("I17", "notifications")
def notifications(e, v):
    rows = e.stores["notification"].rows("SELECT order_id, type, dedup_key, status, sent FROM notification")
    of_order, keys = collections.Counter(), collections.Counter()
    for order, kind, key, status, _ in rows:
        if status == "SENT":
            of_order[order] += 1
        keys[key] += 1
        v.want(status in ("SENT", "FAILED"), f"{order}: {kind} is still {status}")
    for key, count in keys.items():
        v.want(count == 1, f"{key}: {count} notifications")
    types = collections.defaultdict(set)
    for order, kind, _, status, _ in rows:
        types[order].add(kind)
    wanted = {"CANCELLED": "ORDER_CANCELLATION", "PAYMENT_FAILED": "PAYMENT_FAILURE", "READY_FOR_SHIPMENT": "PAYMENT_CONFIRMATION"}
    silent = 0
    holes = [(h["t0"], h["t1"]) for h in lines_of(e.path("holes.jsonl"))]
    for order, stream in e.streams.items():
        status = status_of(stream)
        for kind in ["ORDER_CONFIRMATION"] + ([wanted[status]] if status in wanted else []):
            if kind not in types[order]:
                silent += 1
                v.against(f"{order} is {status} and its customer never got {kind}"
                          f"{' (placed near a loss of the broker)' if near(stream, holes) else ''}")
    v.count(len(rows), f"notifications of {len(of_order)} orders, {silent} missing")


def near(stream, holes):
    return any(t0 - 60 <= row.at / 1000 <= t1 + 10 for row in stream for t0, t1 in holes)


@invariant("I18", "boundedness")
def boundedness(e, v):
    caps, most, samples = e.world["caps"], collections.Counter(), 0
    for sample in lines_of(e.path("samples.jsonl")):
        samples += 1
        for what, cap in caps.items():
            most[what] = max(most[what], sample[what])
            v.want(sample[what] <= cap, f"{sample['service']}: {what} {sample[what]} over {cap}")
    for n, answers in e.places.items():
        for answer in answers:
            v.want(answer["status"] != 503 or answer["retry_after"], f"n {n}: 503 without Retry-After")
    v.count(samples, "samples; at most " + ", ".join(f"{what} {most[what]} of {cap}" for what, cap in caps.items()))
    v.want(samples > 0, "nothing was measured")


@invariant("I19", "no unplanned death")
def no_unplanned_death(e, v):
    deaths = list(lines_of(e.path("deaths.jsonl")))
    for death in deaths:
        v.want(death["planned"], f"{death['service']}-service (pid {death['pid']}) ended with {death['code']} "
               f"during {death['fault']}")
    words = 0
    for name in SERVICES:
        path = e.path(f"logs/{name}.log")
        if os.path.exists(path):
            with open(path, "rb") as file:
                for line in file:
                    words += 1
                    v.want(not DEATH_WORDS.search(line), f"{name}: {line[:200]!r}")
    queues = [line for line in lines_of(e.path("faults.jsonl")) if "queue" in line]
    for line in queues:
        v.want(line["left"] == 0, f"{line['left']} messages are left in {line['queue']}")
    v.want(queues, "nobody looked into the queues")
    v.count(len(deaths), f"deaths, all planned; {words} log lines without a report; {len(queues)} queues empty")


@invariant("I20", "confidentiality")
def confidentiality(e, v):
    secrets = [s.encode() for s in e.world["secrets"]]
    looked = mails = 0
    for name in SERVICES:
        path = e.path(f"logs/{name}.log")
        if not os.path.exists(path):
            continue
        with open(path, "rb") as file:
            for line in file:
                looked += 1
                if SIMULATED.search(line):
                    mails += 1
                    line = re.sub(rb"\bto=\S+", b"", line)
                for secret in secrets:
                    v.want(secret not in line, f"{name} logged {secret.decode()}: {line[:160]!r}")
    for page in e.pages:
        if page["path"] != "/notifications":
            looked += 1
            for secret in secrets:
                v.want(secret.decode() not in (page["text"] or ""), f"{page['service']} {page['path']} shows {secret.decode()}")
    for line in lines_of(e.path("parked.jsonl")):
        looked += 1
        for secret in secrets:
            v.want(secret.decode() not in json.dumps(line), f"parked {line['eventId']} shows {secret.decode()}")
    v.count(looked, f"lines and pages without a secret; {mails} of them are simulated messages")


# ---- the verdict -----------------------------------------------------------------------------------------------------

def judge(folder, only=None):
    """{identifier: Verdict} of every invariant, or of those named."""
    evidence, verdicts = Evidence(folder), {}
    for identifier, title, check in CHECKS:
        if only and identifier not in only:
            continue
        verdict = verdicts[identifier] = Verdict()
        verdict.title = title
        check(evidence, verdict)
    return verdicts


def check(folder):
    violations = 0
    verdicts = judge(folder)
    for identifier, verdict in verdicts.items():
        violations += len(verdict.violations)
        print(f"{identifier:4} {verdict.title}: {'; '.join(verdict.counts)}; {len(verdict.violations)} violations")
        for sentence in verdict.violations[:SHOWN]:
            print(f"       {sentence}")
        if len(verdict.violations) > SHOWN:
            print(f"       ... and {len(verdict.violations) - SHOWN} more")
    print(f"{len(verdicts)} invariants, {violations} violations")
    return 1 if violations else 0


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("collect", "check"):
        print(__doc__, file=sys.stderr)
        return 2
    with contextlib.suppress(BrokenPipeError):
        return (collect if sys.argv[1] == "collect" else check)(sys.argv[2])
    return 1


if __name__ == "__main__":
    sys.exit(main())
