"""The catalogue, continued: a machine that is short of memory or threads, or whose clocks began elsewhere (P, C).

See faults.py for the rules.
"""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import time

from faults import KILL, TERM, NotFired, back, await_back, fault, one_of
from world import free_port, spawn, wait_until

ABORT = -signal.SIGABRT
EXITS = (1, 74, 78)  # failure at run time, storage, configuration
FIU = "/usr/lib/fiu"
LAST_WORDS = re.compile(r"tern: stopped: [^\n]+|\w+\.c:\d+: \w+: Assertion [^\n]+")  # ours, and those of the C library
DAY_S = 86400
HOW_OFTEN = (("malloc", "1e-3"), ("malloc", "2e-4"), ("calloc", "1e-2"), ("realloc", "3e-2"), ("*", "3e-4"))


# ---- memory ---------------------------------------------------------------------------------------------------------

@fault("P11", "every so-many-th malloc fails: a clean end, never worse", "process", 7)
def failing_malloc(world, chance):
    if not os.path.exists(f"{FIU}/fiu_posix_preload.so"):
        raise NotFired("no libfiu here")
    daemon, log = one_of(world, chance), world.path("logs/malloc.log")
    what, probability = chance.choice(HOW_OFTEN)
    with daemon.lock:
        daemon.end("P11", signal.SIGTERM, TERM)
        before = os.path.getsize(log) if os.path.exists(log) else 0
        daemon.start(dies=("P11", (ABORT, *EXITS)), log=log,
                     LD_PRELOAD=f"{FIU}/fiu_run_preload.so {FIU}/fiu_posix_preload.so",
                     FIU_ENABLE=f"enable_random name=libc/mm/{what},probability={probability}")
        died = wait_until(6, lambda: not daemon.alive())
        code = daemon.process.poll() if died else daemon.end("P11", signal.SIGTERM, TERM, ABORT, *EXITS)
        back(daemon, "the end of its memory")
    with open(log, encoding="utf-8", errors="replace") as file:
        file.seek(before)
        words = file.read()
    said = LAST_WORDS.search(words)
    if code not in (TERM, ABORT, *EXITS) or code == ABORT and not said:
        raise RuntimeError(f"{daemon.name}-service without memory ended with {code}: {words[-300:]}")
    if not died:
        raise NotFired(f"{daemon.name} did not miss any of its memory ({what}, {probability})")
    return f"{what} failed; {daemon.name} ended with {code} ({said.group() if said else words.strip()[-100:]})"


@contextlib.contextmanager
def control_group(controller):
    """A control group of the kernel, of either version, while the block runs; its folder."""
    root = f"/sys/fs/cgroup/{controller}"
    if not os.path.isdir(root):
        root = "/sys/fs/cgroup"
    folder = os.path.join(root, f"tern-chaos-{os.getpid()}-{controller}")
    try:
        os.mkdir(folder)
    except OSError as error:
        raise NotFired(f"no control group for {controller}: {error}") from error
    try:
        if not os.path.exists(os.path.join(folder, limit_of(folder, controller))):
            raise NotFired(f"control groups do not limit {controller} here")
        yield folder
    finally:
        wait_until(10, lambda: removed(folder))


def limit_of(folder, controller):
    """The name of the file with the limit: memory has another one in the first version."""
    old = controller == "memory" and os.path.exists(os.path.join(folder, "memory.limit_in_bytes"))
    return "memory.limit_in_bytes" if old else f"{controller}.max"


def removed(folder):
    """A group can be removed once the last process in it was waited for."""
    with contextlib.suppress(OSError):
        os.rmdir(folder)
    return not os.path.exists(folder)


def put(folder, name, value):
    """False when the kernel does not take it."""
    try:
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(str(value))
    except OSError:
        return False
    return True


def inside(folder):
    """The wrapper that starts a program in the group."""
    return ("sh", "-c", f'echo $$ >{folder}/cgroup.procs && exec "$0" "$@"')


def used_memory(folder):
    for name in ("memory.usage_in_bytes", "memory.current"):
        with contextlib.suppress(OSError), open(os.path.join(folder, name), encoding="ascii") as file:
            return int(file.read())
    return 0


@fault("C6", "less and less memory, until the kernel kills", "process", 3)
def killed_for_memory(world, chance):
    daemon = one_of(world, chance)
    with daemon.lock, control_group("memory") as folder:
        daemon.end("C6", signal.SIGTERM, TERM)
        daemon.start(wrapper=inside(folder), dies=("C6", (KILL,)))
        await_back(daemon, "a start in a control group")
        limit = used_memory(folder)
        died = daemon.await_kill("C6", 12, lambda: limit and shrink(folder, daemon))
        back(daemon, "a kill for want of memory")
    if not died:
        raise NotFired(f"{daemon.name} lived with {limit} bytes")
    return f"{daemon.name} used {limit >> 10} KiB, was given less and killed"


def shrink(folder, daemon):
    """Takes what is not used, and a little more; whether that was too much. The kernel may refuse a step."""
    limit = used_memory(folder) - (64 << 10)
    for name in (limit_of(folder, "memory"), "memory.memsw.limit_in_bytes"):
        put(folder, name, limit)
    put(folder, "memory.swap.max", 0)
    return not daemon.alive()


# ---- threads --------------------------------------------------------------------------------------------------------

MOST_THREADS = 24


@fault("P12", "no thread to be had at the start (EAGAIN)", "world", 5)
def no_threads(world, chance):
    """A second process on a store of its own, with room for one thread, two, three, until it starts."""
    daemon = one_of(world, chance)
    refusals = []
    for count in range(1, MOST_THREADS):
        with few_threads(count) as wrapper:
            code, words = start_aside(world, daemon, wrapper)
        if code is None and not refusals:
            raise NotFired(f"{daemon.name} starts with a single thread: nothing limits it")
        if code is None:
            return f"{daemon.name} ended by itself with {count - 1} threads ({refusals[-1]}), and started with {count}"
        sentence = "msg=\"could not start\""
        if code not in EXITS or sentence not in words:
            raise RuntimeError(f"{daemon.name}-service with room for {count} threads ended with {code}: {words[-300:]}")
        refusals.append(words[words.index(sentence):].split("\n")[0])
    raise RuntimeError(f"{daemon.name}-service does not start with {MOST_THREADS} threads")


@contextlib.contextmanager
def few_threads(count):
    """A wrapper under which there are no more; without control groups the main thread is refused all further ones."""
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(control_group("pids"))
            put(folder, "pids.max", count)
            wrapper = inside(folder)
        except NotFired:
            if not shutil.which("strace"):
                raise
            refuse = f"inject=clone,clone3:error=EAGAIN:when={count}+"
            wrapper = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=clone,clone3", "-e", refuse)
        yield wrapper


def start_aside(world, daemon, wrapper):
    """(exit code, what it wrote); no code when it says that it has started."""
    with world.empty_folder("aside") as folder:
        environment = daemon.environment(DATABASE_URL=f"sqlite:{folder}/fresh.db", PORT=str(free_port()),
                                         AMQP_URL="amqp://guest:guest@localhost:1/%2f")
        path = os.path.join(folder, "log")

        def words():
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read()

        with open(path, "wb") as log:
            process = spawn([*wrapper, daemon.program()], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            if not wait_until(15, lambda: process.poll() is not None or "msg=started" in words()):
                raise RuntimeError(f"a second {daemon.name}-service with few threads neither ends nor starts")
            return process.poll(), words()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


# ---- clocks ---------------------------------------------------------------------------------------------------------

@fault("C3", "clocks that count from elsewhere after a restart", "process", 5)
def other_origin(world, chance):
    """Both clocks that do not jump, days ahead and back at what they were: no deadline hangs, none is over."""
    if subprocess.run(["unshare", "--time", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        raise NotFired("no time namespace here")
    daemon = one_of(world, chance)
    days = [chance.choice((1, 30, 1000)) for _ in range(2)]
    with daemon.lock:
        daemon.end("C3", signal.SIGTERM, TERM)
        daemon.start(wrapper=("unshare", "--time", "--boottime", str(days[0] * DAY_S),
                              "--monotonic", str(days[1] * DAY_S)))
        try:
            await_back(daemon, "a start with other clocks")
            moved = os.readlink(f"/proc/{daemon.process.pid}/ns/time") != os.readlink("/proc/self/ns/time")
            time.sleep(2)
        finally:
            code = daemon.end("C3", signal.SIGTERM, TERM)
            back(daemon, "other clocks")
    if code != 0:
        raise RuntimeError(f"{daemon.name}-service with other clocks drained with {code}")
    if not moved:
        raise NotFired("its clocks were not moved")
    return f"{daemon.name}: BOOTTIME {days[0]} days and MONOTONIC {days[1]} days ahead, and back"
