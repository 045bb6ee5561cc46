"""The catalogue, continued: the network between daemons and broker (N). See faults.py for the rules; most is done by proxy.py."""
import contextlib
import shutil
import subprocess
import time

from faults import NotFired, fault
from world import SERVICES


def bent(world, count, seconds, chance, who=None, **rule):
    """A rule of the proxy for some seconds; how much `count` grew."""
    who = who or chance.choice(("*",) + SERVICES)
    before = world.proxy.stats().get(count, 0)
    world.proxy.set(who, **rule)
    try:
        time.sleep(seconds)
    finally:
        plain = {name: None if name == "cut_after" else 0 for name in rule}
        world.proxy.set(who, **plain)
    grown = world.proxy.stats().get(count, 0) - before
    if grown <= 0:
        raise NotFired(f"{count}: nothing, {who}")
    return f"{who}: {grown} {count}"


@fault("N1", "silence both ways", "world", 6)
def silence(world, chance, seconds=None):
    return bent(world, "held up", seconds or chance.uniform(3, 6), chance, hold_up=True, hold_down=True)


@fault("N2", "silence one way", "world", 6)
def half_silence(world, chance, seconds=None):
    way = chance.choice(("up", "down"))
    return bent(world, "held " + way, seconds or chance.uniform(3, 6), chance, **{"hold_" + way: True})


@fault("N3", "RST every 500 ms", "world", 4)
def resets(world, _):
    before = world.proxy.stats().get("reset", 0)
    for _ in range(6):
        world.proxy.order("reset")
        time.sleep(0.5)
    grown = world.proxy.stats().get("reset", 0) - before
    if not grown:
        raise NotFired("nothing was connected")
    return f"{grown} connections reset"


@contextlib.contextmanager
def packets_dropped(world, share):
    """Between daemons and proxy, both ways; gives a function that counts those that were dropped."""
    ports = ",".join(map(str, world.doors.values()))
    rule = ["-i", "lo", "-p", "tcp", "-m", "multiport", "--ports", ports, "-m", "statistic", "--mode", "random",
            "--probability", str(share), "-j", "DROP"]

    def filter_packets(*words):
        return subprocess.run(["iptables", "-w", *words], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              text=True).stdout

    def count():
        return sum(int(line.split()[0]) for line in filter_packets("-nvxL", "INPUT").splitlines() if " DROP " in line)

    filter_packets("-A", "INPUT", *rule)
    try:
        yield count
    finally:
        filter_packets("-D", "INPUT", *rule)


@fault("N4", "packets dropped: one of a hundred, of ten, two of five", "world", 17)
def packet_loss(world, _):
    if not world.own_network or not shutil.which("iptables"):
        raise NotFired("no network of our own (needs root, and iptables)")
    said = []
    for share, seconds in ((0.01, 4), (0.1, 4), (0.4, 8)):
        with packets_dropped(world, share) as count:
            time.sleep(seconds)
            said.append(count())
    if not all(said):
        raise NotFired(f"nothing was dropped: {said}")
    return f"{said[0]}, {said[1]} and {said[2]} packets dropped"


@fault("N5", "a slow link with latency", "world", 6)
def slow_link(world, chance):
    return bent(world, "delayed", 5, chance, delay_up=chance.randint(10, 300), delay_down=chance.randint(10, 300),
                rate=200000)


@fault("N6", "cut in the middle of a frame", "world", 4)
def cut_in_frame(world, chance):
    return bent(world, "cut in a frame", 3, chance, who="*", cut_after=chance.randint(5, 3000))


@fault("N7", "one byte per write", "world", 5)
def single_bytes(world, chance):
    return bent(world, "bytes sent alone", 4, chance, split_up=True, split_down=True)


@fault("N8", "a frame whose end is wrong", "world", 3)
def corrupt_frame(world, chance):
    return bent(world, "frames corrupted", 2, chance, who="*", corrupt=True)


@fault("N9", "the broker's address refuses", "world", 5)
def refuse(world, chance):
    who = chance.choice(("*",) + SERVICES)
    world.proxy.set(who, refuse=True)
    try:
        world.proxy.order("reset", who)
        return bent(world, "refused", 4, chance, who=who, refuse=True)
    finally:
        world.proxy.set(who, refuse=False)


@fault("N10", "a peer that reads nothing, beyond the heartbeats", "world", 28)
def zero_window(world, chance):
    def reconnects():
        """By process: a counter begins anew with each."""
        return {d.process.pid: d.metric("tern_amqp_reconnects_total") or 0 for d in world.daemons.values() if d.process}

    before = reconnects()
    said = bent(world, "held up", 25, chance, who="*", hold_up=True)
    if not any(count > before.get(pid, 0) for pid, count in reconnects().items()):
        raise NotFired("nobody gave the link up")
    return said


@fault("N11", "only the broker's confirms vanish", "world", 6)
def lost_confirms(world, chance):
    said = bent(world, "confirms dropped", 4, chance, who="*", drop_acks=True)
    world.proxy.order("reset")  # sent again now, not after the confirms' deadline of 30 s
    return said


@fault("N12", "a recorded publisher replayed, byte for byte", "world", 5)
def replay(world, chance):
    who = chance.choice(SERVICES)
    confirms = world.proxy.order("replay", who)["confirms"]
    if not confirms:
        raise NotFired(f"nothing of {who} was taken again")
    return f"{who}: {confirms} confirms of old publications"
