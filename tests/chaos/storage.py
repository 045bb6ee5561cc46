"""The catalogue, continued: the disk that is full, fails, is damaged or held (S). See faults.py for the rules."""
import contextlib
import os
import shutil
import signal
import sqlite3
import time

from faults import NotFired, back, fault, one_of, run_aside, traced
from world import ask, free_port, wait_until

EXIT_STORAGE = 74


@fault("S1", "the disk full to the last byte, by another writer", "world", 9)
def full_disk(world, _):
    if not world.small_disk:
        raise NotFired("no small disk (needs root)")
    filler = os.path.join(world.small_disk, "filler")
    refused = 0
    try:
        with open(filler, "wb") as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * (1 << 20))
                file.flush()
        until = time.monotonic() + 6
        while time.monotonic() < until:
            status, _ = ask(world.daemons["order"].port, "GET", "/readyz")
            refused += status == 503
            time.sleep(0.2)
    finally:
        os.unlink(filler)
    if not wait_until(15, world.daemons["order"].ready):
        raise RuntimeError("order-service does not go on when there is room again")
    if not refused:
        raise NotFired("order-service never said that the disk is full")
    return f"not ready {refused} times, ready again"


def io_error(daemon, identifier, injection, *codes):
    with daemon.lock:
        daemon.expect(identifier, *codes)
        with traced(daemon, injection):
            ended = wait_until(15, lambda: not daemon.alive())
        if ended:
            code = daemon.process.wait()
            back(daemon, "an I/O error")
        else:
            daemon.expect(None)
            raise NotFired(f"{daemon.name} did not meet the error")
    if code not in codes:
        raise RuntimeError(f"{daemon.name}-service ended with {code} after an I/O error")
    return f"{daemon.name} stopped with {code}"


@fault("S2", "the quota is used up (EDQUOT)", "process", 6)
def used_quota(world, chance):
    daemon = one_of(world, chance)
    refused = 0
    with daemon.lock:
        with traced(daemon, "inject=pwrite64:error=EDQUOT:when=1+"):
            until = time.monotonic() + 3
            while time.monotonic() < until:
                refused += "did not commit" in ask(daemon.port, "GET", "/readyz")[1]
                time.sleep(0.2)
        if not daemon.alive() or not wait_until(40, daemon.ready):
            raise RuntimeError(f"{daemon.name}-service did not outlive EDQUOT")
    if not refused:
        raise NotFired(f"{daemon.name} wrote nothing")
    return f"{daemon.name} said {refused} times that it could not commit, lived on, is ready again"


@fault("S3", "fdatasync fails with EIO: stop with 74", "process", 5)
def failed_flush(world, chance):
    injection = f"inject=fdatasync:error=EIO:when={chance.choice((1, 3))}"
    return io_error(one_of(world, chance), "S3", injection, EXIT_STORAGE)


@fault("S4", "pwrite64 fails with EIO or, for a while, ENOSPC", "process", 6)
def failed_write(world, chance):
    if chance.random() < 0.5:
        injection = f"inject=pwrite64:error=EIO:when={chance.choice((1, 4))}"
        return io_error(one_of(world, chance), "S4", injection, EXIT_STORAGE)
    daemon = one_of(world, chance)
    with daemon.lock:
        with traced(daemon, "inject=pwrite64:error=ENOSPC:when=1+"):
            time.sleep(3)
        if not daemon.alive() or not wait_until(40, daemon.ready):
            raise RuntimeError(f"{daemon.name}-service did not outlive ENOSPC")
    return f"{daemon.name} outlived 3 s of ENOSPC"


@fault("S5", "fdatasync takes seconds", "process", 8)
def slow_flush(world, chance):
    daemon = one_of(world, chance)
    with daemon.lock:
        with traced(daemon, "inject=fdatasync:delay_enter=1500000"):
            time.sleep(5)
        if not wait_until(40, daemon.ready):
            raise RuntimeError(f"{daemon.name}-service does not recover from slow flushes")
    return f"{daemon.name} waited 1.5 s for each flush"


@fault("S6", "the disk becomes read-only (EROFS): stop with 74", "process", 5)
def read_only(world, chance):
    daemon = one_of(world, chance)
    before = os.path.getsize(daemon.log)
    said = io_error(daemon, "S6", f"inject=pwrite64:error=EROFS:when={chance.choice((1, 3))}", EXIT_STORAGE)
    with open(daemon.log, "rb") as log:
        log.seek(before)
        if b"Read-only file system" not in log.read():
            raise RuntimeError(f"{daemon.name}-service does not say why it has stopped")
    return f"{said}, for a read-only file system"


def refusal(daemon, copy, what):
    """What it says when it is started aside on a copy that it must not take."""
    code, words = run_aside(daemon, DATABASE_URL=f"sqlite:{copy}", PORT=str(free_port()),
                            AMQP_URL="amqp://guest:guest@127.0.0.1:1/%2f")
    if code != EXIT_STORAGE:
        raise RuntimeError(f"{daemon.name}-service on {what}: {code}, {words[-300:]}")
    return words


@fault("S8", "a damaged store refuses to start", "world", 6)
def damaged_store(world, chance):
    daemon, how = one_of(world, chance), chance.choice(("truncated", "flipped"))
    with world.empty_folder("damaged") as folder:
        copy = os.path.join(folder, "copy.db")
        with contextlib.closing(sqlite3.connect(f"file:{daemon.store}?mode=ro", uri=True)) as live, \
                contextlib.closing(sqlite3.connect(copy)) as target:
            live.backup(target)
        damage(copy, how, chance)
        refusal(daemon, copy, f"a {how} store")
    return f"{daemon.name} refused a {how} store"


def damage(path, how, chance):
    size = os.path.getsize(path)
    with open(path, "r+b") as file:
        if how == "truncated":
            file.truncate(size // 2 // 4096 * 4096 + 100)
            return
        for page in range(1, size // 4096):  # the head of every page: whatever is read, it is damaged
            file.seek(page * 4096)
            file.write(bytes([0xA5 ^ chance.randint(0, 15)]) * 8)


@fault("S10", "the log of a killed daemon (-wal) deleted while it is down", "process", 5)
def deleted_log(world, chance):
    """On a copy: the daemon itself goes on with what it has."""
    daemon = one_of(world, chance)
    with world.empty_folder("without-log") as folder:
        copy = os.path.join(folder, "copy.db")
        with daemon.lock:
            daemon.kill("S10")
            for suffix in ("", "-shm", ".lock"):
                shutil.copyfile(daemon.store + suffix, copy + suffix)
            had_log = os.path.exists(daemon.store + "-wal")
            back(daemon, "a kill")
        if not had_log:
            raise NotFired(f"{daemon.name} had no log")
        words = refusal(daemon, copy, "a store without its log")
    if "its log (-wal) is gone" not in words:
        raise RuntimeError(f"{daemon.name}-service does not say that its log is gone: {words[-300:]}")
    return f"{daemon.name} refused a store whose log was gone"


@fault("S11", "another process holds the write lock", "world", 8)
def held_lock(world, chance):
    daemon = one_of(world, chance)
    other = sqlite3.connect(daemon.store, timeout=5, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(chance.uniform(3, 7))
        other.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        raise NotFired(str(error)) from error
    finally:
        other.close()
    if not wait_until(15, daemon.ready):
        raise RuntimeError(f"{daemon.name}-service does not recover from a held lock")
    return f"{daemon.name} waited for its lock"


@fault("S12", "a long reader during load", "world", 8)
def long_reader(world, chance):
    daemon = one_of(world, chance)
    reader = sqlite3.connect(f"file:{daemon.store}?mode=ro", uri=True, isolation_level=None)
    try:
        reader.execute("BEGIN")
        before = reader.execute("SELECT count(*) FROM event_log").fetchone()[0]
        time.sleep(6)
        after = reader.execute("SELECT count(*) FROM event_log").fetchone()[0]
        reader.execute("COMMIT")
    finally:
        reader.close()
    if before != after:
        raise RuntimeError("a read transaction saw what was written later")
    return f"{daemon.name} was read for 6 s"


# ---- what people do with the files (A2) -----------------------------------------------------------------------------

GONE = (("renamed", "was removed or renamed"), ("replaced", "was replaced by another"), ("its log renamed", "the log (-wal)"))


@fault("A2", "the store's file or log renamed or replaced while it runs: stop with 74", "process", 6)
def taken_store(world, chance):
    """Put back as it was afterwards: what was answered is in it."""
    daemon, (how, sentence) = one_of(world, chance), chance.choice(GONE)
    name = daemon.store + ("-wal" if "log" in how else "")
    kept = name + ".kept"
    with daemon.lock:
        before = os.path.getsize(daemon.log)
        daemon.expect("A2", EXIT_STORAGE)
        os.rename(name, kept)
        if how == "replaced":
            shutil.copyfile(kept, name)
        ended = wait_until(15, lambda: not daemon.alive())
        code = daemon.process.wait() if ended else daemon.kill("A2")
        os.replace(kept, name)
        with open(daemon.log, "rb") as log:
            log.seek(before)
            said = sentence.encode() in log.read()
        back(daemon, f"a store that was {how}")
    if code != EXIT_STORAGE or not said:
        raise RuntimeError(f"{daemon.name}-service whose store was {how} ended with {code}, named: {said}")
    return f"{daemon.name} stopped with {code} when its store was {how}"


@fault("S13", "the store reached by a link: killed, and tried by a second process", "process", 6)
def linked_store(world, chance):
    daemon = one_of(world, chance)
    link, hard = daemon.store + ".link", daemon.store + ".hard"
    with daemon.lock:
        try:
            os.symlink(os.path.basename(daemon.store), link)
            daemon.end("S13", signal.SIGTERM, 0)
            back(daemon, "a start by a link", DATABASE_URL=f"sqlite:{link}")
            os.link(daemon.store, hard)
            for other in (daemon.store, hard):
                words = refusal(daemon, other, "a store that another process has")
                if "another process is using it" not in words:
                    raise RuntimeError(f"{daemon.name}-service by another name: {words[-300:]}")
            if not wait_until(10, daemon.lives):
                raise RuntimeError(f"{daemon.name}-service does not bear a second name of its store")
            daemon.kill("S13")
        finally:
            for path in (link, hard, hard + ".lock"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
            back(daemon, "a kill by way of a link")
    return f"{daemon.name} was one by all its names, and came back after a kill"
