"""The catalogue, continued: a payment gateway that fails, and an answer that comes too late (G). See faults.py for the rules.

The gateway is tests/gateway/gateway.py, a process of its own with its own ledger; it is told over HTTP what to do
wrong, and counts how often it did.
"""
import json
import os
import signal
import time

from faults import NotFired, fault
from hostile import rows_of
from world import ask, wait_until


def tell(world, rules):
    status, text = ask(world.gateway_port, "POST", "/faults", json.dumps(rules).encode())
    if status != 200:
        raise RuntimeError(f"the gateway does not take {rules}: {status} {text}")


def happened(world):
    status, text = ask(world.gateway_port, "GET", "/faults")
    return json.loads(text)["happened"] if status == 200 else {}


def misbehave(world, seconds, enough=1, **rules):
    """Rules for some seconds, or until they have happened often enough; how often they did."""
    rules = {name.lstrip("_").replace("__", "."): how for name, how in rules.items()}
    before = sum(happened(world).values())
    tell(world, rules)
    try:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.2)
    finally:
        ask(world.gateway_port, "DELETE", "/faults", b"")
    count = sum(happened(world).values()) - before
    if count < enough:
        raise NotFired(f"the gateway did so {count} times")
    return f"{count} times"


@fault("G1", "the gateway is silent: charged, or not", "world", 6)
def silent_gateway(world, _):
    return misbehave(world, 4, _silent_before="0.15", _silent_after="0.15")


@fault("G2", "500, 429, resets, broken answers, slowness", "world", 7)
def broken_gateway(world, _):
    return misbehave(world, 6, _500_before="0.1", _500_after="0.1", _429="0.1", _reset_before="0.1", _reset_after="0.1",
                     _malformed="0.1", _wrong_shape="0.1", _slow="0.3", _slow_ms="100-800")


@fault("G3", "declines, half of all", "world", 5)
def declining_gateway(world, _):
    return misbehave(world, 4, decline="0.5")


@fault("G4", "refunds that fail twenty times", "world", 9)
def failing_refunds(world, _):
    return misbehave(world, 8, enough=20, refund__500_before="0.9")


@fault("G5", "a success that comes late", "world", 6)
def late_success(world, _):
    return misbehave(world, 4, charge__late="0.3", late_ms="2000-9000")


@fault("G8", "the deadline in the same instant as the answer", "world", 70)
def answer_at_the_deadline(world, chance):
    """payment-service stands still until the first order has waited too long. What it answers then meets deadlines."""
    daemon, order = world.daemons["payment"], world.daemons["order"]
    seconds = float(world.settings["ORDER_DEADLINE_S"])

    def ends():
        """(orders whose deadline won, orders whose answer won, orders that wait) of those of the time without answers."""
        return rows_of(order, "SELECT coalesce(sum(reason = 'PAYMENT_TIMEOUT'), 0), coalesce(sum(money <> 'NONE' AND"
                       " coalesce(reason, '') <> 'PAYMENT_TIMEOUT'), 0), coalesce(sum(status = 'CREATED'), 0)"
                       " FROM orders WHERE created_at_ms BETWEEN ? AND ?", start_ms, start_ms + 1000 * seconds)[0]

    with daemon.lock:
        os.kill(daemon.process.pid, signal.SIGSTOP)
        start_ms = time.time() * 1000
        try:
            time.sleep(seconds)
            wait_until(30, lambda: ends()[0])  # the time of an order stands still while its service is down
            time.sleep(chance.uniform(0, 2))
        finally:
            os.kill(daemon.process.pid, signal.SIGCONT)
        if not wait_until(30, daemon.ready):
            raise RuntimeError("payment-service does not go on")
    wait_until(15, lambda: not ends()[2])
    late, answered, _ = ends()
    if not late or not answered:
        raise NotFired(f"{late} deadlines, {answered} answers")
    return f"{late} orders met their deadline, {answered} were answered before theirs"
