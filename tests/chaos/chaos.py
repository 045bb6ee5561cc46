#!/usr/bin/python3
"""The chaos runner: makes a plan from a seed, carries it out on the real suite under load, heals, asks the checker.

scripts/chaos.sh builds and calls it. Exit 0 only if every planned fault fired, nothing ended that was not to end, every
order came to its end in time, and the checker found no violation. The folder of a failed run is kept.
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import brokers
import clients  # noqa: F401 these fill the catalogue
import hostile
import machine  # noqa: F401
import money  # noqa: F401
import network  # noqa: F401
import operations  # noqa: F401
import people  # noqa: F401
import powercut  # noqa: F401
import storage  # noqa: F401
from faults import ADOPT_POINTS, CATALOGUE, FORGOT_POINTS, POINTS, NotFired
from world import GATEWAY, HERE, PYTHON, ROOT, SERVICES, Lines, World, say, wait_until

SHORT_PROCESS = ("P3", "P4", "P5", "P6", "P7", "S3", "S7", "S8", "A7")
SHORT_WORLD = ("B2", "B1", "B8", "B4", "B5", "A3", "N2", "N3", "N5", "N6", "N7", "N11", "N12", "M1", "M3", "M5",
               "A1", "H2", "H3", "H4", "H5", "H7", "H11", "A5")
SHORT_MONEY = ("G1", "G2", "G5")
MENDED_TRIES = 3
OVERTIME_S = 120
BEACONS_S = 25  # after that everybody knows what it has missed
FDS_MOST = 512 + 64 + 1024 + 64  # HTTP connections, those that make room, calls to the gateway, the rest
DEADLINE_S = 60
LOAD_FAULTS = {"H8": "one key, many requests at once", "H9": "the client leaves right after sending",
               "G6": "many orders at once for one piece", "G7": "the customer cancels, racing each step"}
SETTINGS = {"ORDER_NUDGE_S": "1", "ORDER_DEADLINE_S": str(DEADLINE_S), "PAYMENT_DELAY_MS": "0-150",
            "PAYMENT_SUCCESS_RATE": "0.9", "RETRY_BACKOFF_MS": "50", "LOG_FORMAT": "logfmt", "HTTP_CONNECTIONS_PER_ADDRESS": "64"}


class Step:
    """One planned fault with a seed of its own."""

    def __init__(self, identifier, seed, must=True, **arguments):
        self.id, self.seed, self.must, self.arguments, self.tries = identifier, seed, must, arguments, 0

    def words(self):
        return " ".join([self.id, *map(str, self.arguments.values())])


def make_plan(options):
    """(process lane, world lane): everything that will be done, in order, from the seed alone."""
    chance = random.Random(options.seed)
    number = iter(range(10**9))

    def step(identifier, **arguments):
        return Step(identifier, f"{options.seed}-{next(number)}", **arguments)

    if options.only:
        chosen = options.only.split(",")
        return ([step(i) for i in chosen if CATALOGUE[i].lane == "process"],
                [step(i) for i in chosen if CATALOGUE[i].lane == "world"])
    possible = [f for f in CATALOGUE.values() if options.gateway == "http" or not f.id.startswith("G")]
    if options.short:
        process, world = [step(i) for i in SHORT_PROCESS], [step(i) for i in SHORT_WORLD]
        world += [step(f.id) for f in possible if f.id in SHORT_MONEY]
    else:
        process = [step(f.id) for f in possible if f.lane == "process" and f.id not in ("P1", "P2")]
        world = [step(f.id) for f in possible if f.lane == "world"]
    restarts = sum(CATALOGUE[s.id].restarts for s in world)
    wipes = sum(s.id == "B8" for s in world)
    for i in range(max(0, options.broker_restarts - restarts)):
        world.append(step("B8" if wipes + i < options.wipes else chance.choice(("B1", "B2", "B2"))))
    points = list(POINTS)
    chance.shuffle(points)
    kills = 4  # P3
    for i in range(1000000):
        if kills >= options.kills + options.kills // 20:
            break
        if i % 3 < 2:
            service, point = points[(i - i // 3) % len(points)]
            process.append(step("P1", service=service, point=point))
            kills += 2
        else:
            process.append(step("P2"))
            kills += 1
    add_filler(options, chance, step, process, [f for f in possible if f.lane == "process"])
    add_filler(options, chance, step, world, [f for f in possible if f.lane == "world"])
    chance.shuffle(process)
    chance.shuffle(world)
    return process, world


def add_filler(options, chance, step, lane, possible):
    """Short faults for the time that is left; they may be dropped when the machine is slow."""
    left = options.minutes * 60 - 60 - 1.2 * sum(CATALOGUE[s.id].seconds for s in lane)
    some = [f for f in possible if f.seconds <= 8 and not f.restarts and f.id != "P1"]
    while left > 10 and not options.short:
        chosen = chance.choice(some)
        lane.append(step(chosen.id, must=False))
        left -= 1.5 * chosen.seconds + 1


class Runner:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.failures, self.tally, self.points = [], {}, []
        self.lock = threading.Lock()
        self.until = 0.0

    # ---- one lane ----------------------------------------------------------------------------------------------

    def run_lane(self, world, steps):
        steps = list(steps)
        while steps and not world.ending and time.monotonic() < self.until + OVERTIME_S:
            step = steps.pop(0)
            if not step.must and time.monotonic() > self.until:
                continue
            if not self.inject(world, step) and step.tries < MENDED_TRIES and step.must:
                steps.insert(len(steps) // 2, step)
            rest = self.until - time.monotonic() - sum(CATALOGUE[s.id].seconds for s in steps)
            time.sleep(max(0.05, min(10.0, rest / (len(steps) + 1))))
        if steps and not world.ending:
            self.fail(f"no time for {len(steps)} faults: {', '.join(sorted({s.id for s in steps}))}")

    def inject(self, world, step):
        """True when it fired."""
        step.tries += 1
        start = time.monotonic()
        try:
            evidence, fired = CATALOGUE[step.id].run(world, random.Random(f"{step.seed}-{step.tries}"), **step.arguments), True
        except NotFired as miss:
            evidence, fired = f"did not fire: {miss}", False
        except Exception as error:  # whatever a fault meets is reported, and the run goes on
            if world.ending:
                return False
            evidence, fired = f"FAILED: {type(error).__name__}: {error}", True
            self.fail(f"{step.words()}: {evidence}")
        with self.lock:
            counts = self.tally.setdefault(step.id, [0, 0])
            counts[0] += step.tries == 1
            counts[1] += fired
            if fired and step.id == "P1" and step.arguments:
                self.points.append((step.arguments["service"], step.arguments["point"]))
        self.note.write(t=time.time(), id=step.id, what=step.words(), fired=fired, evidence=evidence)
        if self.options.verbose or not fired or evidence.startswith("FAILED"):
            say(f"  {time.monotonic() - self.begun:6.1f} s  {step.words()}: {evidence} ({time.monotonic() - start:.1f} s)")
        self.mend(world)
        return fired

    def fail(self, sentence):
        with self.lock:
            self.failures.append(sentence)
        say(f"  FAILURE  {sentence}")

    def mend(self, world):
        """A fault that went wrong may have left a daemon down."""
        if world.ending:
            return
        for daemon in world.daemons.values():
            if daemon.lock.acquire(blocking=False):
                try:
                    if not daemon.alive() and not daemon.wanted:
                        daemon.restart()
                finally:
                    daemon.lock.release()

    # ---- the whole ---------------------------------------------------------------------------------------------

    def run(self):
        options = self.options
        process, world_steps = make_plan(options)
        say(f"plan: {len(process)} faults of processes, {len(world_steps)} of the world around them, "
            f"{len({s.id for s in process + world_steps})} kinds")
        settings = dict(SETTINGS)
        initial = self.write_stock(settings)
        with contextlib.closing(World(self.folder, options.bin, settings, options.small_disk, options.own_network)) as world:
            self.world, world.requests = world, options.requests
            self.note = Lines(world.path("faults.jsonl"))
            if options.gateway == "http":
                world.start_gateway(options.seed)
            world.open()
            self.write_world(world, initial)
            self.torment(world, process, world_steps)
            healed = self.heal(world)
            verdict = self.check(world, healed)
        return verdict

    def write_stock(self, settings):
        """First stock: plenty of some products, little of others, one piece of each that many will want at once."""
        options = self.options
        rushes = max(1, options.orders // 10000 + 1)
        stock = {f"PLENTY-{i}": 10 * options.orders for i in range(8)}
        stock.update({f"SCARCE-{i}": 5 for i in range(4)})
        stock.update({f"RUSH-{i}": 1 for i in range(rushes)})
        path = os.path.join(self.folder, "stock.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump([{"productId": p, "name": p, "quantity": q} for p, q in stock.items()], file)
        settings["INVENTORY_FILE"] = path
        return stock

    def write_world(self, world, initial):
        options = self.options
        crowd = 500 if options.orders >= 20000 else max(20, options.orders // 50)
        rushes = [{"product": p, "after": (i + 1) * options.orders // 4, "count": crowd}
                  for i, p in enumerate(p for p in initial if p.startswith("RUSH"))]
        with open(world.path("world.json"), "w", encoding="utf-8") as file:
            json.dump({"ports": {name: d.port for name, d in world.daemons.items()}, "stock": initial,
                       "plenty": [p for p in initial if p.startswith("PLENTY")],
                       "scarce": [p for p in initial if p.startswith("SCARCE")], "rush": rushes,
                       "caps": {"rss_kib": 262144 if not options.asan else 2097152, "fds": FDS_MOST,
                                "wal": 64 << 20},
                       "secrets": ["card-", "@secret.example", "+4915799", world.admin_token]}, file)

    def torment(self, world, process, world_steps):
        options = self.options
        load = world.start_helper("load.py", "--port", world.daemons["order"].port, "--orders", options.orders,
                                  "--seconds", self.load_seconds(), "--seed", options.seed,
                                  "--ledger", world.path("ledger.jsonl"), "--world", world.path("world.json"),
                                  "--until", world.path("enough"))
        self.begun = time.monotonic()
        self.until = self.begun + self.load_seconds()
        lanes = [threading.Thread(target=self.run_lane, args=(world, steps), daemon=True) for steps in (process, world_steps)]
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        open(world.path("enough"), "w", encoding="utf-8").close()
        say(f"faults are over after {time.monotonic() - self.begun:.0f} s: {world.kills} kills, "
            f"{world.broker_restarts} broker restarts ({world.wipes} with a wiped disk)")
        if world.broker.elections:
            say(f"{world.broker.elections} queues of the broker came back without a leader and were given one")
        world.proxy.order("clear")
        if load.wait(timeout=options.minutes * 60 + 600) != 0:
            self.fail("the load client failed, see logs/load.log")
        say(f"the load is over after {time.monotonic() - self.begun:.0f} s")

    def load_seconds(self):
        """What is left of the time when it has been begun and will be healed and checked."""
        return 110 if self.options.short else max(30, self.options.minutes * 60 - 60)

    def heal(self, world):
        """Seconds until every order had ended and nothing was under way; None when that did not come in time."""
        start = time.monotonic()
        with open(world.path("poison.jsonl"), encoding="utf-8") as file:
            ids = {json.loads(line)["id"] for line in file}
        told = hostile.settle_parked(world, ids)  # orders wait behind what is parked
        patience = 60 + DEADLINE_S
        if not wait_until(patience, lambda: busy(world) == ""):
            self.fail(f"I9: after {patience} s there is still something under way: {busy(world)}")
        time.sleep(max(0, BEACONS_S - (time.monotonic() - start)))
        if not wait_until(60, lambda: busy(world) == ""):
            self.fail(f"I9: what did not arrive was not published again: {busy(world)}")
        for name, count in hostile.settle_parked(world, ids).items():
            told[name] += count
        if not wait_until(30, lambda: busy(world) == ""):
            self.fail(f"I9: after the parked messages were settled: {busy(world)}")
        took = time.monotonic() - start
        say(f"healed in {took:.1f} s; parked: {told['discarded']} discarded, {told['tried']} tried once more")
        return took

    def check(self, world, _):
        self.note_queues(world)
        checker = [PYTHON, os.path.join(HERE, "checker.py")]
        collected = subprocess.run([*checker, "collect", self.folder], check=False).returncode
        for daemon in world.daemons.values():
            start = time.monotonic()
            code = daemon.end("end", signal.SIGTERM, 0, timeout=30)
            if code != 0 or time.monotonic() - start > 10:
                self.fail(f"{daemon.name}-service ended with {code} in {time.monotonic() - start:.1f} s")
        world.copy_stores(self.final_folder())
        checked = subprocess.run([*checker, "check", self.folder], check=False, stdout=subprocess.PIPE, text=True)
        print(checked.stdout, end="", flush=True)
        self.print_table(world)
        if collected:
            self.fail("the checker could not collect the orders")
        if checked.returncode:
            self.fail("\n".join(["the checker found violations", *broken(checked.stdout)]))
        return not self.failures

    def final_folder(self):
        folder = os.path.join(self.folder, "final")
        os.makedirs(folder, exist_ok=True)
        return folder

    def note_queues(self, world):
        with world.amqp() as channel:
            for service in SERVICES:
                count = channel.queue_declare(f"{service}-service", passive=True).method.message_count
                self.note.write(queue=f"{service}-service", left=count)
            brokers.drop_expired(world)
            dead = channel.queue_declare("events.dead", passive=True).method.message_count
            self.note.write(queue="events.dead", left=dead)
        wait_until(15, lambda: self.captured(world) == 0)

    def captured(self, world):
        with world.amqp() as channel:
            return channel.queue_declare("chaos.capture", passive=True).method.message_count

    def count_load(self, world):
        """Faults that the customers themselves are."""
        with open(world.path("ledger.jsonl"), encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        first = [line for line in lines if line["op"] == "place" and line["attempt"] == 1]
        rushed = {p["n"] for p in lines if p["op"] == "plan" and p["items"][0][0].startswith("RUSH")}
        for identifier, count in (("H8", len(first) - len({line["n"] for line in first})),
                                  ("H9", sum(line["left"] for line in first)), ("G6", len(rushed)),
                                  ("G7", sum(line["op"] == "cancel" for line in lines))):
            self.tally[identifier] = [count, count]

    def check_points(self):
        """Every kill point of the sources is known here, and was met when the plan had room for all."""
        self.points.sort()
        say("", f"killed at {len(set(self.points))} of {len(POINTS)} named points")
        known = {point for _, point in POINTS} | set(FORGOT_POINTS) | set(ADOPT_POINTS)
        strange = points_of_sources() ^ known
        if strange:
            self.fail(f"kill points that the sources and faults.py do not agree on: {sorted(strange)}")
        missed = sorted(set(POINTS) - set(self.points))
        if missed and len(self.points) >= 2 * len(POINTS):
            self.fail(f"kill points that were never met: {missed}")

    def print_table(self, world):
        self.count_load(world)
        self.check_points()
        say("", f"{'fault':6} {'planned':>7} {'fired':>6}  what")
        for identifier in sorted(self.tally, key=lambda i: (i[0], int(i[1:]))):
            planned, fired = self.tally[identifier]
            title = LOAD_FAULTS.get(identifier) or CATALOGUE[identifier].title
            say(f"{identifier:6} {planned:7} {fired:6}  {title}")
            if not fired:
                self.fail(f"{identifier} never fired")
        say(f"{len(self.tally)} kinds of faults, {world.kills} kills, {world.broker_restarts} broker restarts, "
            f"{world.wipes} of them with a wiped disk")
        if world.kills < self.options.kills or world.broker_restarts < self.options.broker_restarts:
            self.fail(f"fewer kills than {self.options.kills}, or broker restarts than {self.options.broker_restarts}")


def jobs_left(world, service):
    """Jobs that are owed. Not those that look once more for a charge, 27 s and more after it was given up: nothing that
    this gateway does is that late, and a run does not wait a day."""
    store = sqlite3.connect(f"file:{world.daemons[service].store}?mode=ro", uri=True, timeout=5)
    try:
        return store.execute("SELECT count(*) FROM job WHERE NOT (kind = 'late-check' AND payload ->> 'number' > 3)").fetchone()[0]
    finally:
        store.close()


def broken(verdicts):
    """The checker's lines about what is broken: whoever reads only the end of a log has to see them."""
    lines, wanted = [], False
    for line in verdicts.splitlines()[:-1]:
        wanted = not line.endswith("; 0 violations") if line.startswith("I") else wanted
        lines += [line] if wanted else []
    return lines


def points_of_sources():
    """The kill points of the daemons, as their sources name them."""
    names = set()
    for folder in ("common", "services"):
        for path in pathlib.Path(ROOT, folder).rglob("*.c"):
            names.update(re.findall(r'TERN_CHAOS_POINT\("([^"]+)"\)', path.read_text(encoding="utf-8")))
    return names


def busy(world):
    """What is still under way, in words; empty when all is quiet."""
    wanted = (("order", "tern_saga_in_progress"),) + tuple(
        (name, metric) for name in SERVICES for metric in ("tern_outbox_pending", "tern_deferred_messages", "tern_events_missing"))
    left = [f"{service} {jobs} jobs" for service in ("payment", "notification") if (jobs := jobs_left(world, service))]
    for service, metric in wanted:
        value = world.daemons[service].metric(metric)
        if value is None or value > 0:
            left.append(f"{service} {metric} {value}")
    return ", ".join(left)


def read_options():
    parser = argparse.ArgumentParser(prog="scripts/chaos.sh", description="Torments the suite and checks what it promised.")
    parser.add_argument("--minutes", type=float, default=15, help="about how long, with healing")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randint(1, 999999), help="what the plan is made of")
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--broker-restarts", type=int, default=3)
    parser.add_argument("--wipes", type=int, default=1, help="how many of them start on an empty disk")
    parser.add_argument("--short", action="store_true", help="the run of CI: 2000 orders, 40 kills, 3 broker restarts")
    parser.add_argument("--only", help="just these faults, once each: P1,B2,N3")
    parser.add_argument("--requests", type=int, default=0, help="how many H12 sends, instead of what 10 s are enough for")
    parser.add_argument("--gateway", choices=("auto", "http", "simulated"), default="auto",
                        help="the payment gateway: tests/gateway (http), or the simulated one of payment-service")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a run that went well, too")
    parser.add_argument("--verbose", action="store_true", help="every fault as it happens")
    parser.add_argument("--asan", action="store_true", help="the build with sanitizers instead of the preset chaos")
    parser.add_argument("--bin", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--folder", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--small-disk", help=argparse.SUPPRESS)
    parser.add_argument("--own-network", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.gateway == "auto":
        options.gateway = "http" if os.path.exists(GATEWAY) else "simulated"
    if options.only:
        options.kills = options.broker_restarts = 0
    return options


def stop_on_signal(number, _):
    raise SystemExit(128 + number)


def main():
    options = read_options()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_on_signal)
    words = f"--minutes {options.minutes:g} --seed {options.seed} --orders {options.orders} --kills {options.kills} " \
            f"--broker-restarts {options.broker_restarts} --wipes {options.wipes}"
    again = f"./scripts/chaos.sh {'--short --seed ' + str(options.seed) if options.short else words}"
    again += f" --only {options.only}" if options.only else ""
    again += f" --requests {options.requests}" if options.requests else ""
    again += (" --asan" if options.asan else "") + (" --gateway simulated" if options.gateway == "simulated" else "")
    say(f"seed {options.seed}; again: {again}")
    start = time.monotonic()
    good = False
    runner = Runner(options, options.folder)
    try:
        good = runner.run()
    finally:
        say(f"{'PASSED' if good else 'FAILED'} in {time.monotonic() - start:.0f} s, seed {options.seed}; again: {again}")
        for failure in runner.failures:
            say(f"  {failure}")
        if good and not options.keep:
            shutil.rmtree(options.folder, ignore_errors=True)
        else:
            say(f"everything is in {options.folder}")
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
