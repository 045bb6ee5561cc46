"""The catalogue, continued: the power fails under one daemon (S7). See faults.py for the rules.

The daemon runs with powercut.so, which notes what each write destroys, until a flush; when the daemon is dead, its
notes are taken back. What is left is what a disk holds that has kept every flushed byte and no other.
"""
import contextlib
import os
import signal
import struct

from faults import KILL, TERM, NotFired, back, fault, one_of

NOTE = struct.Struct("=qqq")  # place, number of old bytes, size of the file before
PATIENCE_S = 6


@fault("S7", "the power fails: only what was flushed is left", "process", 6)
def power_cut(world, chance):
    daemon = one_of(world, chance)
    library = os.path.join(os.path.dirname(world.bin), "lib/powercut.so")
    flush = chance.choice((3, 10, 30, 100))
    with daemon.lock:
        daemon.end("S7", signal.SIGTERM, TERM)
        daemon.start(dies=("S7", (KILL,)), LD_PRELOAD=library, POWERCUT_AT=str(flush))
        daemon.await_kill("S7", PATIENCE_S)
        lost = sum(take_back(daemon.store + suffix, chance) for suffix in ("", "-wal"))
        with contextlib.suppress(FileNotFoundError):
            os.unlink(daemon.store + "-shm")  # memory, not a disk
        back(daemon, "a power cut")
    if not lost:
        raise NotFired(f"{daemon.name} had flushed all that it had written")
    return f"{daemon.name} lost {lost} writes that no flush had followed"


def take_back(path, chance):
    """How many of the last writes were undone: all that were not flushed, or only the later ones."""
    if not os.path.exists(path + ".undo"):
        return 0
    with open(path + ".undo", "rb") as file:
        notes = list(notes_of(file.read()))
    os.unlink(path + ".undo")
    kept = chance.choice((0, chance.randint(0, len(notes))))
    with open(path, "r+b") as file:
        for place, old, size in reversed(notes[kept:]):
            file.seek(place)
            file.write(old)
            file.truncate(size)
    return len(notes) - kept


def notes_of(data):
    """The last one may be cut short: then its write never came."""
    at = 0
    while at + NOTE.size <= len(data):
        place, length, size = NOTE.unpack_from(data, at)
        at += NOTE.size
        if at + length > len(data):
            return
        yield place, data[at:at + length], size
        at += length
