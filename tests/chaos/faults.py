"""The catalogue: each fault as a function that injects it, waits until it is over, and says what shows that it fired.

A fault returns a sentence (evidence) or raises NotFired. It leaves the world as it found it: daemons up, proxy clear,
broker serving. `lane` says who may run at the same time: one fault of "process" beside one of "world"; a fault holds
the locks of the daemons that it ends. Identifiers are those of the fault catalogue; other files go on with it.
"""
import contextlib
import os
import shutil
import signal
import subprocess
import time

from world import SERVICES, free_port, spawn, wait_until

KILL, TERM = -signal.SIGKILL, 0
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
ALL_POINTS = ("cons.after_recv", "cons.before_handler", "batch.mid", "writer.before_commit", "writer.after_commit",
              "cons.after_commit_before_ack", "cons.after_ack", "pub.after_send_before_confirm",
              "pub.after_confirm_before_mark", "deferred.before_run", "start.after_open", "stop.drained")
ONCE = ("deferred.before_run", "timer.before_fire", "start.after_open", "stop.drained")  # passed seldom, or once in a life
JOB_POINTS = ("job.before_run", "job.after_run_before_commit")
POINTS = [(service, point) for service in SERVICES
          for point in ALL_POINTS + (JOB_POINTS if service in ("payment", "notification") else ())] + [("order", "timer.before_fire")]
FORGOT_POINTS = ("forgot.before_record", "forgot.before_marker", "forgot.before_noted", "forgot.mid")  # met by B8
ADOPT_POINTS = ("adopt.before_claim", "adopt.after_claim")  # nobody takes over another's queue here: e2e/test_owner.c does
CATALOGUE = {}


class NotFired(Exception):
    """The fault was injected and nothing showed it, or it could not be injected."""


class Fault:
    def __init__(self, identifier, title, lane, run, seconds, restarts):
        self.id, self.title, self.lane, self.run = identifier, title, lane, run
        self.seconds, self.restarts = seconds, restarts  # about how long it takes; whether it restarts the broker


def fault(identifier, title, lane, seconds=4, restarts=False):
    def note(run):
        CATALOGUE[identifier] = Fault(identifier, title, lane, run, seconds, restarts)
        return run
    return note


def one_of(world, chance, among=SERVICES):
    return world.daemons[chance.choice(among)]


def back(daemon, what, **more):
    daemon.start(**more)
    await_back(daemon, what)


def await_back(daemon, what):
    """It must live at once; ready it can only be when there is a broker."""
    if not wait_until(20, daemon.lives):
        raise RuntimeError(f"{daemon.name}-service does not come back after {what}")
    daemon.await_ready(5)


@contextlib.contextmanager
def all_daemons(world):
    with contextlib.ExitStack() as stack:
        for name in SERVICES:
            stack.enter_context(world.daemons[name].lock)
        yield list(world.daemons.values())


# ---- processes ------------------------------------------------------------------------------------------------------

@fault("P1", "SIGKILL at a named point", "process", 4)
def kill_at_point(world, chance, service=None, point=None, nth=None):
    service, point = (service, point) if service else chance.choice(POINTS)
    nth = nth or (1 if point in ONCE else chance.choice((1, 1, 2, 3, 8)))
    daemon = world.daemons[service]
    with daemon.lock:
        if point == "deferred.before_run":  # what is delivered to a stopped one comes again, and is held first
            daemon.process.send_signal(signal.SIGSTOP)
            time.sleep(1.5)
        daemon.kill("P1")
        daemon.start(dies=("P1", (KILL,)), TERN_CHAOS_KILL=f"{point}:{nth}")
        if point == "stop.drained" and wait_until(20, daemon.lives):
            daemon.process.send_signal(signal.SIGTERM)
        died = daemon.await_kill("P1", 25)
        back(daemon, f"a kill at {point}")
    if not died:
        raise NotFired(f"{service} never passed {point} {nth} times")
    return f"{service} died at {point}:{nth}"


@fault("P2", "SIGKILL at any moment", "process", 2)
def kill_at_random(world, chance):
    daemon = one_of(world, chance)
    with daemon.lock:
        daemon.kill("P2")
        time.sleep(chance.choice((0, 0, 0.5, 2)))
        back(daemon, "a kill")
    return f"{daemon.name} killed"


@fault("P3", "SIGKILL of all four at once", "process", 4)
def kill_all(world, _):
    with all_daemons(world) as daemons:
        for daemon in daemons:
            daemon.wanted = False
            daemon.expect("P3", KILL)
        for daemon in daemons:
            daemon.process.kill()
        for daemon in daemons:
            daemon.process.wait()
        world.kills += len(daemons)
        world.copy_stores(world.path("early"))
        for daemon in daemons:
            daemon.start()
        for daemon in daemons:
            await_back(daemon, "a kill of all four")
    return "four killed, stores copied, four back"


@fault("P4", "SIGSTOP for seconds, then SIGCONT", "process", 7)
def stop_and_continue(world, chance, seconds=None):
    daemon = one_of(world, chance)
    seconds = seconds or chance.uniform(3, 6)
    with daemon.lock:
        pid = daemon.process.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            if not wait_until(2, lambda: process_state(pid) == "T"):
                raise NotFired("it did not stop")
            time.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
    return f"{daemon.name} stood still for {seconds:.1f} s"


def process_state(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(")", 1)[1].split()[0]


@fault("P5", "SIGTERM under load: exit 0 within 10 s", "process", 4)
def terminate(world, chance):
    daemon = one_of(world, chance)
    with daemon.lock:
        start = time.monotonic()
        code = daemon.end("P5", signal.SIGTERM, TERM, timeout=12)
        took = time.monotonic() - start
        if code is None:
            daemon.kill("P5")
        back(daemon, "a drain")
    if code != 0 or took > 10:
        raise RuntimeError(f"{daemon.name}-service drained with code {code} in {took:.1f} s")
    return f"{daemon.name} drained in {took:.1f} s"


@fault("P6", "SIGTERM, and SIGKILL 100 ms later", "process", 3)
def terminate_then_kill(world, chance):
    daemon = one_of(world, chance)
    with daemon.lock:
        code = daemon.end("P6", signal.SIGTERM, TERM, KILL, timeout=0.1)
        if code is None:
            daemon.expect("P6", TERM, KILL)
            daemon.process.kill()
            code = daemon.process.wait()
            world.kills += 1
        back(daemon, "a drain that was cut short")
    return f"{daemon.name} ended with {code}"


@fault("P7", "a second instance on the same store", "process", 3)
def second_instance(world, chance):
    daemon = one_of(world, chance)
    with daemon.lock:
        first = daemon.process.pid
        code, words = run_aside(daemon, PORT=str(free_port()))
        if code in (None, 0):
            raise RuntimeError(f"a second {daemon.name}-service on the same store ended with {code}: {words[-200:]}")
        if daemon.process.pid != first or not daemon.alive():
            raise RuntimeError(f"the first {daemon.name}-service did not survive the second")
    return f"the second {daemon.name} refused with {code}"


def run_aside(daemon, timeout=15, wrapper=(), **more):
    """Another process of the same program; (exit code, what it wrote). None: it ran until it was killed."""
    process = spawn([*wrapper, daemon.program()], env=daemon.environment(**more), stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        words, _ = process.communicate(timeout=timeout)
        return process.returncode, words.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        words, _ = process.communicate()
        return None, words.decode("utf-8", "replace")


@fault("P8", "SIGKILL at the n-th fdatasync", "process", 5)
def kill_at_flush(world, chance):
    daemon = one_of(world, chance)
    nth = chance.choice((1, 2, 5, 11))
    with daemon.lock:
        daemon.expect("P8", KILL)
        with traced(daemon, f"inject=fdatasync:signal=SIGKILL:when={nth}"):
            died = wait_until(15, lambda: not daemon.alive())
        if died:
            world.kills += 1
            back(daemon, "a kill at a flush")
        else:
            daemon.expect(None)
            raise NotFired(f"{daemon.name} did not flush {nth} times")
    return f"{daemon.name} died at its flush number {nth}"


@contextlib.contextmanager
def traced(daemon, *injections):
    """strace tampers with the system calls of the daemon until the block ends."""
    if not shutil.which("strace"):
        raise NotFired("no strace here")
    words = [word for injection in injections for word in ("-e", injection)]
    log = daemon.world.path("logs/strace.log")
    with open(log, "ab") as out:
        tracer = spawn(["strace", "-f", "-q", "-e", "trace=fdatasync,pwrite64", *words, "-p", str(daemon.process.pid)],
                       stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        if not wait_until(5, lambda: is_traced(daemon.process.pid) or not daemon.alive()):  # it may have met it already
            raise NotFired("strace could not attach")
        yield tracer
    finally:
        tracer.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            tracer.wait(5)
        tracer.kill()
        tracer.wait()
        if daemon.alive():  # a tracer that was killed may have left it stopped
            daemon.process.send_signal(signal.SIGCONT)


def is_traced(pid):
    with contextlib.suppress(OSError, StopIteration):
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return next(line for line in file if line.startswith("TracerPid")).split()[1] != "0"
    return False


@fault("C5", "SIGSTOP and SIGCONT, flickering", "process", 5)
def flicker(world, chance):
    daemon = one_of(world, chance)
    with daemon.lock:
        pid, times = daemon.process.pid, 0
        until = time.monotonic() + 4
        while time.monotonic() < until and daemon.alive():
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.04)
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.01)
            times += 1
    return f"{daemon.name} stopped and continued {times} times"


@fault("P10", "no file descriptors left", "process", 6)
def few_descriptors(world, chance):
    daemon = world.daemons["order"]
    with daemon.lock:
        daemon.end("P10", signal.SIGTERM, TERM)
        if daemon.restart(wrapper=("prlimit", "--nofile=40")) is None:
            raise RuntimeError("order-service does not start with 40 descriptors")
        with contextlib.ExitStack() as stack:
            import socket
            refused = 0
            for _ in range(60):
                sock = stack.enter_context(socket.socket())
                sock.settimeout(0.5)
                try:
                    sock.connect(("127.0.0.1", daemon.port))
                except OSError:
                    refused += 1
            time.sleep(1)
            used = len(os.listdir(f"/proc/{daemon.process.pid}/fd"))
        if not wait_until(40, daemon.ready):
            raise RuntimeError("order-service does not recover from EMFILE")
        daemon.end("P10", signal.SIGTERM, TERM)
        back(daemon, "few descriptors")
    return f"order-service with {used} of 40 descriptors, then well again"


# ---- clocks ---------------------------------------------------------------------------------------------------------

JUMPS = {"+1 h": 3600, "-1 h": -3600, "-10 y": -315360000, "+13 y": 409968000}


@fault("C1", "the wall clock of one daemon jumps", "process", 9)
def clock_jump(world, chance, jump=None, among=SERVICES):
    if not os.path.exists(FAKETIME):
        raise NotFired("no libfaketime here")
    daemon = one_of(world, chance, among)
    name = jump or chance.choice(("+1 h", "-1 h", "-10 y"))
    stamp = world.path(f"clock-{daemon.name}")
    set_clock(stamp, 0)
    with daemon.lock:
        daemon.end("C1", signal.SIGTERM, TERM)
        back(daemon, "a drain", LD_PRELOAD=FAKETIME, FAKETIME_TIMESTAMP_FILE=stamp, FAKETIME_NO_CACHE="1",
             FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1", NO_FAKE_STAT="1")
        set_clock(stamp, JUMPS[name])
        jumped = wait_until(6, lambda: daemon.metric("tern_clock_jumps_total"))
        time.sleep(1)
        set_clock(stamp, 0)
        time.sleep(1)
        daemon.end("C1", signal.SIGTERM, TERM)
        back(daemon, "a jump of the clock")
    if not jumped:
        raise NotFired(f"{daemon.name} did not see its clock jump")
    return f"{daemon.name}: {name} and back"


@fault("C2", "the wall clock of one daemon runs ten times as fast", "process", 9)
def fast_clock(world, chance):
    if not os.path.exists(FAKETIME):
        raise NotFired("no libfaketime here")
    daemon = one_of(world, chance)
    with daemon.lock:
        daemon.end("C2", signal.SIGTERM, TERM)
        back(daemon, "a drain", LD_PRELOAD=FAKETIME, FAKETIME="+0 x10", FAKETIME_DONT_FAKE_MONOTONIC="1", DONT_FAKE_MONOTONIC="1", NO_FAKE_STAT="1")
        time.sleep(5)
        daemon.end("C2", signal.SIGTERM, TERM)
        back(daemon, "a fast clock")
    return f"{daemon.name}: 5 s that were 50"


@fault("C4", "another time zone", "process", 4)
def time_zone(world, chance):
    daemon = one_of(world, chance)
    zone = chance.choice(("Pacific/Kiritimati", "America/St_Johns", "Asia/Kathmandu"))
    with daemon.lock:
        daemon.end("C4", signal.SIGTERM, TERM)
        back(daemon, "a drain", TZ=zone)
        time.sleep(2)
        daemon.end("C4", signal.SIGTERM, TERM)
        back(daemon, "another time zone")
    return f"{daemon.name} in {zone}"


@fault("C7", "the clock of one daemon is beyond 2038, then back", "process", 9)
def beyond_2038(world, chance):
    return clock_jump(world, chance, jump="+13 y", among=("payment", "inventory", "notification"))


def set_clock(path, seconds):
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(f"{seconds:+d}s\n")
    os.replace(path + ".new", path)
