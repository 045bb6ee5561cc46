"""The catalogue, continued: what those do who run the suite (O): logs, signals, secrets, backups. See faults.py."""
import contextlib
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import time

from brokers import text_since
from faults import TERM, NotFired, all_daemons, await_back, back, fault, one_of, run_aside
from world import ask, free_port, spawn, wait_until

EXIT_CONFIG = 78
NOWHERE = "amqp://guest:guest@127.0.0.1:1/%2f"


# ---- logs -----------------------------------------------------------------------------------------------------------

@fault("O2", "the log's disk is full, then the reader of its pipe is gone", "process", 6)
def lost_log(world, chance):
    daemon, pipe = one_of(world, chance), world.path("pipe")
    with contextlib.suppress(FileExistsError):
        os.mkfifo(pipe)
    with daemon.lock, contextlib.ExitStack() as stack:
        stack.callback(back, daemon, "a log that nobody wrote")
        stack.callback(daemon.end, "O2", signal.SIGTERM, TERM)
        start_with_log(daemon, "/dev/full")
        full = commits_of(daemon)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            start_with_log(daemon, pipe)
        finally:
            os.close(reader)
        gone = commits_of(daemon)
    if not full or not gone:
        raise NotFired(f"{daemon.name} had nothing to do")
    return f"{daemon.name} worked on: {full} commits with a full log, {gone} without a reader"


def start_with_log(daemon, log):
    daemon.end("O2", signal.SIGTERM, TERM)
    daemon.start(log=log)
    await_back(daemon, f"a start with its log at {log}")


def commits_of(daemon):
    """How many there are in some seconds."""
    before = daemon.metric("tern_commit_duration_seconds_count") or 0
    time.sleep(2)
    if not daemon.alive() or not wait_until(10, daemon.lives):
        raise RuntimeError(f"{daemon.name}-service does not bear that nobody takes its log")
    return int((daemon.metric("tern_commit_duration_seconds_count") or 0) - before)


# ---- signals --------------------------------------------------------------------------------------------------------

@fault("O3", "SIGHUP without a terminal: settings, and garbage as settings, are read again", "process", 5)
def reload_settings(world, chance):
    """It goes on with what is good of them, and as it was with what is not; under nohup nothing happens."""
    daemon, level = one_of(world, chance), world.path("level")
    with daemon.lock:
        daemon.end("O3", signal.SIGTERM, TERM)
        put_secret(level, "a level", "info", 0o600)
        daemon.start(LOG_LEVEL="", LOG_LEVEL_FILE=level)
        await_back(daemon, "a start with its level in a file")
        try:
            for content, answer in (("debug", b"settings reloaded"), ("loud\nPORT=1", b"the settings are at fault"),
                                    ("info", b"settings reloaded")):
                put_secret(level, "a level", content, 0o600)
                mark = os.path.getsize(daemon.log)
                daemon.process.send_signal(signal.SIGHUP)
                daemon.process.send_signal(signal.SIGHUP)
                if not wait_until(10, lambda mark=mark, answer=answer: answer in text_since(daemon.log, mark)):
                    raise RuntimeError(f"{daemon.name}-service does not say {answer} after SIGHUP with {content!r}")
        finally:
            remove(level)
        lived = daemon.lives()
        daemon.end("O3", signal.SIGTERM, TERM)
        daemon.start(wrapper=("nohup",))
        await_back(daemon, "a reload")
        daemon.process.send_signal(signal.SIGHUP)
        time.sleep(1)
        survived = daemon.lives()
        daemon.end("O3", signal.SIGTERM, TERM)
        back(daemon, "a SIGHUP under nohup")
    if not lived or not survived:
        raise RuntimeError(f"{daemon.name}-service did not survive SIGHUP")
    return f"{daemon.name} took two reloads, refused one, and stayed under nohup"


# ---- secrets --------------------------------------------------------------------------------------------------------

@fault("O4", "a file with a secret that is missing, cannot be read, is for everybody, or empty", "world", 3)
def unusable_secret(world, chance):
    daemon, path = one_of(world, chance), world.path("token")
    said = []
    for what, content, mode in (("missing", None, 0), ("a folder", "", 0o700), ("empty", "", 0o600),
                                ("for everybody", world.admin_token, 0o644),
                                ("two lines", world.admin_token + "\nx", 0o600)):
        put_secret(path, what, content, mode)
        code, words = run_aside(daemon, 5, ADMIN_TOKEN="", ADMIN_TOKEN_FILE=path, PORT=str(free_port()),
                                AMQP_URL=NOWHERE, DATABASE_URL="sqlite::memory:")
        remove(path)
        if code != EXIT_CONFIG or "ADMIN_TOKEN_FILE" not in words:
            raise RuntimeError(f"{daemon.name}-service with a secret file that is {what}: {code}, {words[-300:]}")
        if world.admin_token in words:
            raise RuntimeError(f"{daemon.name}-service tells its secret when the file is {what}")
        said.append(what)
    return f"{daemon.name} refused a file that is {', '.join(said)}"


def put_secret(path, what, content, mode):
    remove(path)
    if what == "a folder":
        os.mkdir(path, mode)
    elif content is not None:
        with open(path, "w", encoding="ascii") as file:
            file.write(content)
        os.chmod(path, mode)


def remove(path):
    with contextlib.suppress(FileNotFoundError):
        os.rmdir(path) if os.path.isdir(path) else os.unlink(path)


# ---- backups --------------------------------------------------------------------------------------------------------

@fault("O6", "a backup under load, and every service started from it", "world", 6)
def restore_drill(world, _):
    """Aside, without a broker and without a gateway: it must come up and know what had been answered."""
    order = wait_until(10, last_accepted, world)
    if not order:
        raise NotFired("no order was accepted yet")
    with world.empty_folder("backup") as folder:
        status, text = ask_restored(world, folder, order)
    if status != 200 or json.loads(text)["orderId"] != order:
        raise RuntimeError(f"the restored order-service does not know order {order}: {status} {text[:200]}")
    return f"four stores backed up and sound, four services up from them, order {order} is there"


def ask_restored(world, folder, order):
    with all_daemons(world) as daemons:
        for daemon in daemons:
            backed_up(daemon, os.path.join(folder, f"{daemon.name}.db"))
    with contextlib.ExitStack() as stack:
        asides = {name: stack.enter_context(restored(world, daemon, folder)) for name, daemon in world.daemons.items()}
        for name, port in asides.items():
            if not wait_until(20, lambda at=port: ask(at, "GET", "/livez")[0] == 200):
                raise RuntimeError(f"{name}-service does not start from its backup, see logs/aside.log")
        return ask(asides["order"], "GET", f"/orders/{order}")


def last_accepted(world):
    """The order that a customer was told of last."""
    order = None
    with contextlib.suppress(FileNotFoundError), open(world.path("ledger.jsonl"), encoding="utf-8") as file:
        for line in file:
            with contextlib.suppress(json.JSONDecodeError):  # the last one may be half written
                answer = json.loads(line)
                order = answer.get("order") or order if answer.get("status") in (200, 201) else order
    return order


def backup(store, target):
    """By SQLite's own means, while the service writes. In one piece: a copy in steps begins anew at every commit."""
    source, copy = sqlite3.connect(f"file:{store}?mode=ro", uri=True), sqlite3.connect(target)
    try:
        source.backup(copy)
        sound = copy.execute("PRAGMA integrity_check").fetchone()[0]
    finally:
        source.close()
        copy.close()
    if sound != "ok":
        raise RuntimeError(f"the backup of {store} is not sound: {sound}")


def backed_up(daemon, target):
    """By its own means, while it writes."""
    status, text = daemon.admin("POST", "/admin/backup", timeout=60)  # a large store is read twice
    if status != 201:
        raise RuntimeError(f"{daemon.name}-service makes no backup: {status} {text[:200]}")
    made = json.loads(text)
    os.rename(os.path.join(daemon.world.settings["BACKUP_DIR"], made["file"]), target)
    with open(target, "rb") as file:
        content = file.read()
    if len(content) != made["bytes"] or hashlib.sha256(content).hexdigest() != made["sha256"]:
        raise RuntimeError(f"the backup {made['file']} is not what {daemon.name}-service says")
    with contextlib.closing(sqlite3.connect(f"file:{target}?mode=ro", uri=True)) as copy:
        sound = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if sound != "ok":
        raise RuntimeError(f"the backup of {daemon.name}-service is not sound: {sound}")


@contextlib.contextmanager
def restored(world, daemon, folder):
    """A service on its backup; its port. It must end in order."""
    port = free_port()
    with open(world.path("logs/aside.log"), "ab") as log:
        process = spawn([daemon.program()], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                        env=daemon.environment(DATABASE_URL=f"sqlite:{folder}/{daemon.name}.db", PORT=str(port),
                                               AMQP_URL=NOWHERE, PAYMENT_GATEWAY_URL="http://127.0.0.1:1"))
    try:
        yield port
        process.terminate()
        code = process.wait(15)
        if code != 0:
            raise RuntimeError(f"{daemon.name}-service on its backup ended with {code}")
    finally:
        process.kill()
        process.wait()


# ---- descriptors ----------------------------------------------------------------------------------------------------

@fault("A6", "started with descriptors 0 to 2 closed, then killed", "process", 5)
def closed_descriptors(world, chance):
    """None of them becomes a file of the store: its lock file says afterwards what it has to say."""
    daemon = one_of(world, chance)
    closing = chance.choice(("2>&-", "0<&- 1>&-", "0<&- 1>&- 2>&-"))
    with daemon.lock:
        daemon.end("A6", signal.SIGTERM, TERM)
        daemon.start(wrapper=("sh", "-c", f'exec "$0" {closing}'))
        await_back(daemon, f"a start with {closing}")
        time.sleep(1)
        held = [os.readlink(f"/proc/{daemon.process.pid}/fd/{number}") for number in range(3)]
        daemon.kill("A6")
        with open(daemon.store + ".lock", "rb") as file:
            word = file.read()
        back(daemon, "closed descriptors")
    if any(daemon.store in name for name in held) or word.partition(b"\n")[0] not in (b"open", b"used"):
        raise RuntimeError(f"{daemon.name}-service with {closing}: {held}, lock file {word[:80]!r}")
    return f"{daemon.name} ran with {closing}, its store untouched"
