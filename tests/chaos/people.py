"""The catalogue, continued: ordinary acts of people (A), none of them a crash: see faults.py for the rules.
"""
import contextlib
import os
import shutil
import signal
import subprocess
import time
import urllib.parse

from brokers import text_since
from faults import TERM, NotFired, await_back, back, fault, one_of, run_aside
from operations import backup
from world import SERVICES, ask, free_port, spawn, wait_until

EXIT_STORAGE = 74
PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))
RIGHTS = r"^(events|events\.dead|amq\.default|(%s)-service.*)$" % "|".join(SERVICES)


@contextlib.contextmanager
def aside(daemon, **more):
    """Another process of the same program that is to live on; (its port, where its log is). It must end in order."""
    port, log = free_port(), daemon.world.path("logs/aside.log")
    with open(log, "wb") as out:
        process = spawn([daemon.program()], env=daemon.environment(PORT=str(port), **more), stdin=subprocess.DEVNULL, stdout=out,
                        stderr=out)
    try:
        yield port, log
        process.terminate()
        code = process.wait(15)
        if code != 0:
            raise RuntimeError(f"the other {daemon.name}-service ended with {code}: {text_since(log, 0)[-300:]}")
    finally:
        process.kill()
        process.wait()


# ---- backups --------------------------------------------------------------------------------------------------------

@fault("A7", "the store gone while its service is down; a backup put in its place", "process", 6)
def put_back(world, chance):
    """The backup of the end: what yesterday's has forgotten cannot come back, and RELIABILITY says so."""
    daemon = one_of(world, chance)
    suffixes = ("", "-wal", "-shm")
    with daemon.lock, world.empty_folder("put-back") as folder:
        copy = os.path.join(folder, "copy.db")
        daemon.end("A7", signal.SIGTERM, TERM)
        backup(daemon.store, copy)
        for suffix in suffixes:
            with contextlib.suppress(FileNotFoundError):
                shutil.move(daemon.store + suffix, os.path.join(folder, "gone.db" + suffix))
        code, words = run_aside(daemon, PORT=str(free_port()))
        for suffix in suffixes:  # whatever it has made
            with contextlib.suppress(FileNotFoundError):
                os.unlink(daemon.store + suffix)
        shutil.move(copy, daemon.store)
        back(daemon, "a backup that was put back")
    if code != EXIT_STORAGE or "there was a store, and it is gone" not in words:
        raise RuntimeError(f"{daemon.name}-service whose store is gone: {code}, {words[-300:]}")
    return f"{daemon.name} refused to begin anew with {code}, and went on from its backup"


# ---- users of the broker ----------------------------------------------------------------------------------------------

def as_user(world, daemon, name, word):
    return f"amqp://{name}:{urllib.parse.quote(word, safe='')}@127.0.0.1:{world.doors[daemon.name]}/%2f"


def linked(daemon):
    return daemon.metric("tern_amqp_connected") == 2


@fault("A8", "a broker user with the rights of the suite alone and every printable character in its password; a wrong one", "world", 8)
def other_user(world, chance):
    daemon, word = one_of(world, chance), "p" + "".join(chance.sample(PRINTABLE, len(PRINTABLE)))
    world.broker.ctl("add_user", "shop", word)
    try:
        world.broker.ctl("set_permissions", "-p", "/", "shop", RIGHTS, RIGHTS, RIGHTS)
        with daemon.lock, contextlib.ExitStack() as stack:
            stack.callback(back, daemon, "another user of the broker")
            stack.callback(daemon.end, "A8", signal.SIGTERM, TERM)
            daemon.end("A8", signal.SIGTERM, TERM)
            mark = os.path.getsize(daemon.log)
            daemon.start(AMQP_URL=as_user(world, daemon, "shop", "wrong" + word))
            await_back(daemon, "a wrong password")
            refused = wait_until(15, lambda: b"the broker refuses our user or password" in text_since(daemon.log, mark))
            blind, told = linked(daemon), text_since(daemon.log, mark).decode("utf-8", "replace")
            daemon.end("A8", signal.SIGTERM, TERM)
            daemon.start(AMQP_URL=as_user(world, daemon, "shop", word))
            taken = wait_until(20, linked, daemon)
    finally:
        world.broker.ctl("delete_user", "shop")
    if not refused or blind:
        raise RuntimeError(f"{daemon.name}-service with a wrong password: linked {blind}, and says {told[-300:]}")
    if word in told or urllib.parse.quote(word, safe="") in told:
        raise RuntimeError(f"{daemon.name}-service tells the password")
    if not taken:
        raise RuntimeError(f"{daemon.name}-service has no link as a user with the suite's rights: {text_since(daemon.log, mark)[-300:]}")
    return f"{daemon.name} said that it was refused, and worked as a user of its own with a password of {len(word)} characters"


# ---- a second owner ---------------------------------------------------------------------------------------------------

@fault("A1", "a second instance: the same store by another name, a copy of it, another store", "world", 15)
def second_owner(world, chance):
    """The other store finds its owner dead, too: it must wait for a person. A copy would take over, so its owner lives."""
    daemon = one_of(world, chance)
    with daemon.lock, world.empty_folder("another") as folder:
        link, copy = os.path.join(folder, "link.db"), os.path.join(folder, "copy.db")
        os.symlink(daemon.store, link)
        code, words = run_aside(daemon, PORT=str(free_port()), DATABASE_URL=f"sqlite:{link}")
        if code in (None, 0):
            raise RuntimeError(f"a second {daemon.name}-service on the same store by another name ended with {code}: {words[-200:]}")
        if not wait_until(20, owns, daemon):
            raise NotFired(f"{daemon.name} does not own its queue")
        backup(daemon.store, copy)
        with aside(daemon, DATABASE_URL=f"sqlite:{copy}") as (port, log):
            must_stand_by(daemon, port, log, "a copy of the store")
        with aside(daemon, DATABASE_URL=f"sqlite:{folder}/another.db") as (port, log):
            must_stand_by(daemon, port, log, "another store")
            daemon.kill("A1")
            time.sleep(2)
            must_stand_by(daemon, port, log, "another store, whose owner is dead")
            back(daemon, "a kill beside another store")
            again = wait_until(20, owns, daemon)
    if not again:
        raise RuntimeError(f"{daemon.name}-service does not get its own queue again")
    return f"{daemon.name}: by another name ended with {code}; a copy stood by; so did another store, also when the owner was dead"


def owns(daemon):
    return daemon.metric("tern_queue_owned") == 1


def must_stand_by(daemon, port, log, what):
    """Says that it does not own the queue, and neither takes nor publishes anything nor accepts an order."""
    told = wait_until(20, lambda: '"owner":{"status":"fail"' in ask(port, "GET", "/readyz")[1])
    done = sum_of(port, "tern_messages_published_total") + sum_of(port, "tern_messages_consumed_total")
    order = ask(port, "POST", "/orders", ORDER)[0] if daemon.name == "order" else None
    if not told or done or order in (200, 201):
        raise RuntimeError(f"{daemon.name}-service with {what}: {ask(port, 'GET', '/readyz')}, {done} messages, an order is "
                           f"answered with {order}: {text_since(log, 0)[-300:]}")


ORDER = '{"customerId":"A1","items":[{"productId":"PLENTY-1","quantity":1,"price":1.00}]}'


def sum_of(port, name):
    status, text = ask(port, "GET", "/metrics")
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name)) if status == 200 else 0


# ---- strangers --------------------------------------------------------------------------------------------------------

NAMED_WITHIN_S = 35  # half a minute without progress, and a moment
LINES_MOST = 6  # warnings of one daemon about the broker in that time


@fault("A4", "a stranger's queue, bound to everything, full and refusing", "world", 45)
def full_stranger(world, _):
    """Nobody ends order-service or the broker meanwhile: the half minute without progress would begin anew."""
    order, marks = world.daemons["order"], {name: os.path.getsize(d.log) for name, d in world.daemons.items()}
    with order.lock, world.broker.lock:
        before, start = sum_of(order.port, REFUSED), time.monotonic()
        with world.amqp() as channel:
            channel.queue_declare("chaos.stranger", arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
        try:
            with world.amqp() as channel:
                channel.queue_bind("chaos.stranger", "events", "#")
            named = wait_until(NAMED_WITHIN_S, lambda: "bound by somebody else" in ask(order.port, "GET", "/readyz")[1])
            took, said = time.monotonic() - start, ask(order.port, "GET", "/readyz")
        finally:
            with world.amqp() as channel:
                channel.queue_delete("chaos.stranger")
        refused = sum_of(order.port, REFUSED) - before
    if refused <= 0:
        raise NotFired("nothing of order-service was refused")
    if not named or (said[0] != 200 and "waited too long" not in said[1]):  # a clock that was set makes it old
        raise RuntimeError(f"after {took:.0f} s order-service does not warn of what holds it up: {said}")
    if not wait_until(40, lambda: all(leaves(d) for d in world.daemons.values())):
        raise RuntimeError("the stranger's queue is gone, and what waited does not leave")
    for name, mark in marks.items():
        lines = sum(b"level=warn" in line and b"the broker" in line for line in text_since(world.daemons[name].log, mark).splitlines())
        if lines > LINES_MOST:
            raise RuntimeError(f"{name}-service warned {lines} times within {took:.0f} s")
    return f"{refused:.0f} refusals, named after {took:.0f} s, everything left when the queue was gone"


REFUSED = "tern_publish_failures_total"


def leaves(daemon):
    """Nothing that it has to publish is older than some seconds."""
    age = daemon.metric("tern_outbox_oldest_age_seconds")
    return age is not None and age < 5
