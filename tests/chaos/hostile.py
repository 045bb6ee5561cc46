"""The catalogue, continued: hostile messages (M), and what is parked of them in the end. See faults.py for the rules.

Whatever is published here is noted in poison.jsonl: the checker excuses nothing else that it finds parked, and knows
which captured events nobody of the suite has said.
"""
import concurrent.futures
import contextlib
import json
import os
import signal
import sqlite3
import sys
import time
import uuid

import pika

from faults import NotFired, back, fault
from world import ROOT, SERVICES, wait_until

HEARD = {"order": "payment.processed", "payment": "order.placed", "inventory": "order.placed", "notification": "order.placed"}


def captured_sample(world, count, chance):
    """Some of the events that were captured lately."""
    path = world.path("captured.jsonl")
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        file.seek(max(0, size - 3_000_000))
        lines = file.read().split(b"\n")[1:-1]
    events = [json.loads(line) for line in lines if line.startswith(b'{"t"')]
    events = [event for event in events if event["id"] and event["type"] and event["app"]]
    return chance.sample(events, min(count, len(events)))


def properties_of(event, nudge):
    headers = {"x-tern-nudge": True} if nudge else None
    return pika.BasicProperties(content_type="application/json", delivery_mode=2, message_id=event["id"],
                                type=event["type"], app_id=event["app"], headers=headers)


def publish(channel, exchange, key, body, properties=None):
    with contextlib.suppress(pika.exceptions.NackError, pika.exceptions.UnroutableError):
        channel.basic_publish(exchange, key, body, properties or pika.BasicProperties(delivery_mode=2))


@fault("M1", "events again, plain and as nudges, one to five times", "world", 4)
def duplicates(world, chance):
    events = captured_sample(world, 150, chance)
    if not events:
        raise NotFired("nothing was captured yet")
    count = 0
    with world.amqp() as channel:
        for event in events:
            for _ in range(chance.randint(1, 5)):
                publish(channel, "events", event["key"], event["body"].encode("latin-1"),
                        properties_of(event, chance.random() < 0.3))
                count += 1
    return f"{len(events)} events said {count} times more"


@fault("M11", "a long piece of the event log into the live services", "world", 8)
def old_log(world, chance):
    events = captured_sample(world, 3000, chance)
    if len(events) < 100:
        raise NotFired("little was captured yet")
    with world.amqp() as channel:
        for event in events:
            publish(channel, "events", event["key"], event["body"].encode("latin-1"), properties_of(event, False))
    return f"{len(events)} events once more, in no order"


@fault("M2", "a queue's messages in another order, seconds late", "process", 7)
def reorder(world, chance):
    daemon = world.daemons[chance.choice(SERVICES)]
    queue = f"{daemon.name}-service"
    with daemon.lock:
        daemon.end("M2", signal.SIGTERM, 0)
        taken = []
        try:
            time.sleep(3)
            with contextlib.suppress(pika.exceptions.AMQPError), world.amqp() as channel:  # the broker may be away as well
                while len(taken) < 500:
                    method, properties, body = channel.basic_get(queue)
                    if method is None:
                        break
                    taken.append((method.delivery_tag, properties, body))
                chance.shuffle(taken)
                for tag, properties, body in taken:
                    channel.basic_publish("", queue, body, properties)
                    channel.basic_ack(tag)
        finally:
            daemon.restart()
    if len(taken) < 2:
        raise NotFired(f"{queue} was empty")
    return f"{len(taken)} messages of {queue} shuffled"


def order_placed(subject, **changes):
    body = {"eventId": str(uuid.uuid4()), "eventType": "OrderPlaced", "timestamp": "2026-11-23T14:30:00.123Z",
            "producer": "order-service", "version": "1.0", "correlationId": str(uuid.uuid4()), "subject": subject,
            "data": {"orderId": subject, "customerId": "poison", "items": [{"productId": "P", "quantity": 1, "price": 1.00}],
                     "totalAmount": 1.00, "currency": "USD", "status": "CREATED", "createdAt": "2026-11-23T14:30:00.123Z",
                     "paymentToken": "card-0123456789abcdef"}}
    body.update(changes)
    return body


def poison_bodies(chance):
    """(name, body) of messages that can never be handled, each for a reason of its own."""
    subject = f"POISON-{chance.getrandbits(40):x}"
    missing = order_placed(subject + "-a")
    del missing["data"]["items"]
    wrong = order_placed(subject + "-b")
    wrong["data"]["totalAmount"] = "much"
    return [("not JSON", b'{"eventId": '), ("no envelope", b'{"a": 1}'), ("not UTF-8", b"\xff\xfe{}"),
            ("missing field", json.dumps(missing).encode()), ("wrong type", json.dumps(wrong).encode()),
            ("unknown type", json.dumps(order_placed(subject + "-c", eventType="OrderTeleported")).encode()),
            ("unknown version", json.dumps(order_placed(subject + "-d", version="2.0")).encode())]


def poison(world, channel, service, name, body, headers=None):
    """Straight into one queue, so that it is known who has to park it."""
    event_id = None
    with contextlib.suppress(ValueError, AttributeError, RecursionError):
        event_id = json.loads(body).get("eventId")
    world.poison.write(t=time.time(), service=service, name=name, id=event_id, size=len(body))
    publish(channel, "", f"{service}-service", body, pika.BasicProperties(delivery_mode=2, headers=headers))


def parked(world):
    return sum(daemon.metric("tern_parked_messages") or 0 for daemon in world.daemons.values())


def poison_all(world, bodies):
    before, count = parked(world), 0
    with world.amqp() as channel:
        for service in SERVICES:
            for name, body in bodies:
                poison(world, channel, service, name, body)
                count += 1
    if not wait_until(15, lambda: parked(world) > before):
        raise NotFired("nothing was parked")
    return f"{count} messages that cannot be handled"


@fault("M3", "malformed, incomplete, unknown type and version", "world", 5)
def malformed(world, chance):
    return poison_all(world, poison_bodies(chance))


@fault("P9", "a message that aborts whoever handles it", "process", 12)
def deadly_message(world, chance):
    daemon = world.daemons[chance.choice(SERVICES)]
    subject = f"POISON-{chance.getrandbits(40):x}-x"
    body = order_placed(subject)
    del body["data"]["items"]  # so that it is parked in the end, when nothing aborts any more
    deaths = 0
    with daemon.lock:
        daemon.kill("P9")
        with world.amqp() as channel:
            poison(world, channel, daemon.name, "deadly", json.dumps(body).encode())
        while deaths < 20 and not is_parked(daemon, subject):
            daemon.start(dies=("P9", (-signal.SIGABRT,)), TERN_CHAOS_POISON=subject)
            wait_until(30, lambda: not daemon.alive() or is_parked(daemon, subject))
            deaths += not daemon.alive()
        parked = is_parked(daemon, subject)
        daemon.kill("P9")
        back(daemon, "a message that aborts")
    if not parked or not deaths:
        raise NotFired(f"{daemon.name}: {deaths} deaths, not parked")
    return f"{daemon.name} parked it after {deaths} deaths"


def rows_of(daemon, sql, *arguments):
    """From the service's store; again when nobody may read it, because it was killed and is not back yet."""
    for tries_left in range(40, -1, -1):
        store = sqlite3.connect(f"file:{daemon.store}?mode=ro", uri=True, timeout=5)
        try:
            return store.execute(sql, arguments).fetchall()
        except sqlite3.OperationalError:
            if not tries_left:
                raise
            time.sleep(0.25)
        finally:
            store.close()


def is_parked(daemon, subject):
    return rows_of(daemon, "SELECT count(*) FROM deferred WHERE state = 2 AND subject = ?", subject)[0][0]


@fault("M5", "empty, one byte, 64 KiB and a byte, 1 MB", "world", 5)
def sizes(world, _):
    return poison_all(world, [("empty", b""), ("one byte", b"{"), ("oversized", b'"' + b"a" * 65535 + b'"'),
                              ("1 MB", b"[" + b"1," * 500_000 + b"1]")])


JSON_SUITE = os.path.join(ROOT, "tests/json_suite/test_parsing")
EVENT_MOST = 65536


@fault("M4", "JSONTestSuite's 318 texts as bodies", "world", 12)
def json_suite(world, chance):
    """Each into one queue, by turns. None of them is an event: each has to be parked by the service that was given it."""
    names, turn = sorted(os.listdir(JSON_SUITE)), chance.randrange(len(SERVICES))
    given = {service: {} for service in SERVICES}
    with world.amqp() as channel:
        for i, name in enumerate(names):
            service = SERVICES[(i + turn) % len(SERVICES)]
            with open(os.path.join(JSON_SUITE, name), "rb") as file:
                body = file.read()
            given[service][body] = name
            poison(world, channel, service, name, body)

    def not_parked():
        return [name for service, bodies in given.items() for name in unsettled(world.daemons[service], bodies)]

    if not wait_until(40, lambda: not not_parked()):
        raise RuntimeError(f"not parked: {not_parked()[:5]}")
    large = sum(len(body) > EVENT_MOST for bodies in given.values() for body in bodies)
    return f"{len(names)} texts parked, {large} of them as oversized"


def unsettled(daemon, bodies):
    """The names of those texts that the service has not parked, each for the right reason."""
    rows = set(rows_of(daemon, "SELECT body, reason FROM deferred WHERE state = 2 AND event_id IS NULL"))
    return [name for body, name in bodies.items()
            if (body, "oversized" if len(body) > EVENT_MOST else "malformed") not in rows]


DEPTHS = (4000, 18000)  # the deepest that still fits into one frame is a little more


@fault("M6", "header tables nested 4 000 and 18 000 deep", "world", 9)
def deep_headers(world, chance):
    """Parked for its body; or, where the library refuses to decode it, in the safety net, from which a person takes it."""
    daemon, dead = world.daemons[chance.choice(SERVICES)], set()
    bodies = {b"deep %d %x" % (depth, chance.getrandbits(40)): depth for depth in DEPTHS}
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(10 * max(DEPTHS))
    try:
        with world.amqp() as channel:
            for body, depth in bodies.items():
                poison(world, channel, daemon.name, "deep headers", body, nested(depth))

        def all_kept():
            dead.update(take_dead(world, bodies))
            return set(unsettled(daemon, bodies)) <= {bodies[body] for body in dead}

        kept = wait_until(30, all_kept)
    finally:
        sys.setrecursionlimit(limit)
    if not kept:
        raise RuntimeError(f"{daemon.name}-service and nested headers: {unsettled(daemon, bodies)} deep are not parked")
    return f"{daemon.name}: {len(bodies) - len(dead)} parked, {len(dead)} in events.dead"


def nested(depth):
    table = {}
    for _ in range(depth):
        table = {"a": table}
    return table


def take_dead(world, bodies):
    """Removes these messages from events.dead; which were there."""
    taken, others = [], []
    with world.amqp() as channel:
        while (got := channel.basic_get("events.dead"))[0] is not None:
            method, _, body = got
            if body in bodies:
                channel.basic_ack(method.delivery_tag)
                taken.append(body)
            else:
                others.append(method.delivery_tag)
        for tag in others:
            channel.basic_nack(tag, requeue=True)
    return taken


@fault("M8", "who says he is somebody else", "world", 4)
def spoofed(world, chance):
    """The broker refuses a name that is not the connection's own. What nobody placed is not paid, whoever says so."""
    daemon, subject = world.daemons["order"], f"POISON-{chance.getrandbits(40):x}-s"
    told = order_placed(subject, eventType="PaymentProcessed", producer=chance.choice(("order-service", "somebody")))
    told["data"] = {"orderId": subject, "customerId": "poison", "amount": 1.00, "status": "SUCCESS",
                    "transactionId": "spoofed", "processedAt": told["timestamp"]}
    body = json.dumps(told).encode()
    try:
        with world.amqp() as channel:
            channel.basic_publish("events", "payment.processed", body, pika.BasicProperties(user_id="payment-service"))
        raise RuntimeError("the broker took a message in another user's name")
    except pika.exceptions.ChannelClosedByBroker as closed:
        code = closed.reply_code
    with world.amqp() as channel:
        poison(world, channel, "order", "another producer", body)
    if not wait_until(20, is_parked, daemon, subject):
        raise NotFired("order-service did not park it")
    return f"another's name: {code}; a payment that nobody asked for: parked"


MANY = 10_000


@fault("M10", "ten thousand parked messages, tried again twice", "world", 45)
def redrive(world, chance):
    daemon = world.daemons[chance.choice(SERVICES)]
    with daemon.lock:  # an answer that a kill takes away could not be told from none
        return redrive_many(world, daemon, chance.getrandbits(40))


def redrive_many(world, daemon, mark):
    before = unreadable(daemon, "state = 2")
    with world.amqp() as channel:
        for i in range(MANY):
            poison(world, channel, daemon.name, "one of many", b"many %x %d" % (mark, i))
    if not wait_until(60, lambda: unreadable(daemon, "state = 2") >= before + MANY):
        raise RuntimeError(f"{daemon.name}-service parked {unreadable(daemon, 'state = 2') - before} of {MANY}")
    times = [try_all_again(daemon) for _ in range(2)]
    start = time.monotonic()
    rows = [row for row in all_parked(daemon) if row["eventId"].startswith("raw-")]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda row: discard(world, daemon, row), rows))
    return (f"{daemon.name}: tried again in {times[0]:.1f} and {times[1]:.1f} s, parked as before; {len(rows)} discarded in "
            f"{time.monotonic() - start:.1f} s")


def unreadable(daemon, condition):
    return rows_of(daemon, f"SELECT count(*) FROM deferred WHERE event_id IS NULL AND {condition}")[0][0]


def try_all_again(daemon):
    """Seconds that it took until as many were parked as before."""
    start, count = time.monotonic(), unreadable(daemon, "state = 2")
    body = json.dumps({"reason": "malformed", "limit": MANY}).encode()
    answer = wait_until(30, lambda: (got := daemon.admin("POST", "/admin/parked/retry", body))[0] == 200 and got[1])
    if not answer or json.loads(answer)["retried"] < MANY:
        raise RuntimeError(f"{daemon.name}-service was asked to try {MANY} again and says {answer}")
    if not wait_until(120, lambda: unreadable(daemon, "state <> 2") == 0) or unreadable(daemon, "state = 2") < count:
        raise RuntimeError(f"{daemon.name}-service parked {unreadable(daemon, 'state = 2')} of {count} again")
    return time.monotonic() - start


def discard(world, daemon, row):
    """True when it is gone; then it is in the notes, as it is in the audit."""
    path = f"/admin/parked/{row['eventId']}"
    gone = wait_until(30, lambda: daemon.admin("DELETE", path)[0] in (204, 404))  # 404: gone, and the answer was lost
    if gone:
        world.parked.write(service=daemon.name, poisoned=True, **row)
    return gone


def handled_by(daemon, ids):
    """Those of the events that the service's inbox knows."""
    marks = ",".join("?" * len(ids))
    return {row[0] for row in rows_of(daemon, f"SELECT event_id FROM inbox WHERE event_id IN ({marks})", *ids)}


@fault("M7", "same id with another body; no message id; wrong content type", "world", 4)
def conflicts(world, chance):
    events = [e for e in captured_sample(world, 800, chance) if e["type"] in ("PaymentProcessed", "InventoryReserved")]
    events = [e for e in events if e["id"] in handled_by(world.daemons["order"], [e["id"] for e in events])][:20]
    if not events:
        raise NotFired("nothing was captured yet")
    with world.amqp() as channel:
        for event in events:
            body = json.loads(event["body"])
            body["data"]["customerId"] = "somebody-else"
            world.poison.write(t=time.time(), service="*", name="same id, other body", id=event["id"], size=0)
            publish(channel, "", "order-service", json.dumps(body).encode(),
                    pika.BasicProperties(content_type="text/plain", delivery_mode=2))
    return f"{len(events)} handled events with another body"


@fault("M9", "half of the messages are poison", "world", 6)
def much_poison(world, chance):
    with world.amqp() as channel:
        for _ in range(150):
            poison(world, channel, chance.choice(SERVICES), "not JSON", b"\x00" * chance.randint(1, 200))
    if not wait_until(15, lambda: parked(world) >= 20):
        raise NotFired("little was parked")
    return "150 of them in a second"


def settle_parked(world, ids):
    """What a person does in the end: looks at what is parked, discards what was poison, tries the rest once more."""
    told = {"discarded": 0, "tried": 0}
    for daemon in world.daemons.values():
        for row in parked_rows(daemon):
            name = row["eventId"]
            daemon.admin("GET", f"/admin/parked/{name}")
            poisoned = name.startswith("raw-") or name in ids
            world.parked.write(service=daemon.name, poisoned=poisoned, **row)
            if poisoned:
                told["discarded"] += daemon.admin("DELETE", f"/admin/parked/{name}")[0] == 204
            else:
                told["tried"] += daemon.admin("POST", f"/admin/parked/{name}/retry")[0] == 202
    return told


def parked_rows(daemon):
    """All that is parked; the first three are tried once more before."""
    rows = all_parked(daemon)
    unreadable = [row for row in rows if row["eventId"].startswith("raw-")]  # these can never succeed
    for row in unreadable[:3]:
        daemon.admin("POST", f"/admin/parked/{row['eventId']}/retry")
    wait_until(10, lambda: daemon.metric("tern_parked_messages") == len(rows))
    return rows


def all_parked(daemon):
    """Page by page."""
    rows, cursor = [], ""
    while True:
        status, text = daemon.admin("GET", f"/admin/parked?state=PARKED&limit=200{cursor}")
        page = json.loads(text) if status == 200 else {"parked": [], "nextCursor": None}
        rows += page["parked"]
        if not page["nextCursor"]:
            return rows
        cursor = f"&cursor={page['nextCursor']}"
