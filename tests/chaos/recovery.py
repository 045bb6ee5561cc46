#!/usr/bin/python3
"""How long a killed daemon takes to be ready with many orders in its store: scripts/chaos.sh --recovery.

Orders go through the real door and all the way to READY_FOR_SHIPMENT; then each daemon is killed with SIGKILL several
times, with orders under way, and started again. Prints the median and the worst of each; exit 1 when a median is over
the target. On a machine that does other things too, the processor time says more.
"""
import argparse
import json
import os
import statistics
import subprocess

from world import ROOT, SERVICES, World, say

BATCH, CONNECTIONS, KILLS, TARGET_S = 10000, 64, 5, 2.0
SETTINGS = {"PAYMENT_DELAY_MS": "0", "PAYMENT_SUCCESS_RATE": "1", "LOG_LEVEL": "warn", "HTTP_CONNECTIONS_PER_ADDRESS": "512"}


def place(world, count, *words):
    program = os.path.join(ROOT, "build/release/bin/load")
    port = str(world.daemons["order"].port)
    subprocess.run([program, port, str(count), str(CONNECTIONS), *words], check=True, stdout=subprocess.DEVNULL)


def fill(world, orders):
    done = 0
    while done < orders:
        place(world, min(BATCH, orders - done))
        done += BATCH
        say(f"  {min(done, orders)} orders ready for shipment")


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(world, name):
    """(seconds until ready, seconds of processor time until then) of each kill."""
    times = []
    for _ in range(KILLS):
        place(world, 200, "door")  # something is under way when it dies
        daemon = world.daemons[name]
        daemon.kill("recovery")
        daemon.start()
        took = daemon.await_ready(60)
        if took is None:
            raise RuntimeError(f"{name}-service was not ready within a minute")
        times.append((took, processor_seconds(daemon.process.pid)))
    return times


def main():
    parser = argparse.ArgumentParser(prog="scripts/chaos.sh --recovery", description=__doc__)
    parser.add_argument("--orders", type=int, default=100000)
    parser.add_argument("--asan", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--bin", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--folder", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    stock = os.path.join(options.folder, "stock.json")
    with open(stock, "w", encoding="utf-8") as file:
        json.dump([{"productId": p, "name": p, "quantity": 900_000_000} for p in ("PROD-101", "PROD-103")], file)
    world = World(options.folder, options.bin, dict(SETTINGS, INVENTORY_FILE=stock))
    slow = []
    try:
        world.open(capture=False)
        fill(world, options.orders)
        for name in SERVICES:
            times, work = zip(*measure(world, name))
            size = os.path.getsize(world.daemons[name].store) / 1e6
            say(f"{name + '-service':22} ready again after {statistics.median(times):.2f} s (median of {KILLS} kills, "
                f"worst {max(times):.2f} s; {statistics.median(work):.2f} s of processor time), store of {size:.0f} MB")
            slow += [name] if statistics.median(times) > TARGET_S else []
    finally:
        world.close()
        subprocess.run(["rm", "-rf", "--", options.folder], check=False)
    raise SystemExit(1 if slow else 0)


if __name__ == "__main__":
    main()
