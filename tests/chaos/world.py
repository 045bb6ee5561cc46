"""The world under torment: a private broker, the proxy, four daemons, the capture; who died and why; what they use.

Nothing here injects a fault or judges one. Every process is started with PR_SET_PDEATHSIG, so that none outlives the
runner, whatever ends it. Records are JSON lines in the folder of the run: deaths, samples, stock, restarts.
"""
import contextlib
import ctypes
import http.client
import json
import os
import queue
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pika
from pika.adapters.utils.connection_workflow import AMQPConnectorException

SERVICES = ("order", "payment", "inventory", "notification")
QUEUES = tuple(f"{name}-service" for name in SERVICES) + ("events.dead", "chaos.capture")
PYTHON = "/usr/bin/python3"
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
GATEWAY = os.path.join(ROOT, "tests/gateway/gateway.py")
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:verify_asan_link_order=0", "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Spawner:
    """Starts every process from one thread that never ends: PR_SET_PDEATHSIG means the thread, not the process."""

    def __init__(self):
        self.wishes = queue.Queue()
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        while True:
            words, options, answer = self.wishes.get()
            try:
                answer.put(subprocess.Popen(words, preexec_fn=die_with_parent, start_new_session=True, **options))
            except OSError as error:
                answer.put(error)

    def __call__(self, words, **options):
        answer = queue.Queue()
        self.wishes.put((words, options, answer))
        process = answer.get()
        if isinstance(process, OSError):
            raise process
        return process


spawn = Spawner()


def free_port():
    """A port below the range that the kernel hands out itself."""
    while True:
        port = random.SystemRandom().randint(15000, 32000)
        with socket.socket() as sock:
            with contextlib.suppress(OSError):
                sock.bind(("127.0.0.1", port))
                return port


def wait_until(seconds, condition, *arguments):
    """What the condition said when it was true, or None when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        said = condition(*arguments)
        if said:
            return said
        if time.monotonic() > deadline:
            return None
        time.sleep(0.03)


def ask(port, method, path, body=None, headers=None, timeout=5, source=None):
    """(status, text), or (None, "") when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout, source_address=source)
    try:
        sent = dict(headers or {}, Connection="close")
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return None, ""
    finally:
        connection.close()


class Lines:
    """A file of JSON lines that several threads write."""

    def __init__(self, path):
        self.file, self.lock = open(path, "a", encoding="utf-8"), threading.Lock()

    def write(self, **line):
        with self.lock:
            self.file.write(json.dumps(line) + "\n")
            self.file.flush()


class Broker:
    """scripts/broker.sh, as an object. Its owner is the runner: it dies with it."""

    def __init__(self, folder):
        self.folder, self.elections = folder, 0
        self.lock = threading.RLock()

    def run(self, verb, *words, check=True, timeout=180):
        return subprocess.run([os.path.join(ROOT, "scripts/broker.sh"), verb, self.folder, *words], check=check,
                              timeout=timeout, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True).stdout

    def start(self):
        self.run("start", "--owner", str(os.getpid()))
        if os.path.exists(os.path.join(self.folder, "used")):
            self.elections += self.lead()
        open(os.path.join(self.folder, "used"), "w", encoding="utf-8").close()

    def lead(self):
        """The quorum queues that have no leader get one; how many there were.

        A RabbitMQ 3.10 that is killed right after it has made a queue comes back with a queue that never elects one: it
        takes nothing and says nothing, until somebody asks for an election. A person would have to; here it is us.
        """
        names = ",".join(f"'%2F_{queue}'" for queue in QUEUES)
        said = self.ctl("eval", "[Q || Q <- [%s], element(1, catch ra:members({Q, node()}, 3000)) == timeout, "
                        "ra:trigger_election({Q, node()}) == ok]." % names, check=False)
        return said.count("%2F")

    def ctl(self, *words, check=True, timeout=90):
        return self.run("ctl", *words, check=check, timeout=timeout)

    def url(self):
        return self.run("url").strip()

    def settings(self):
        with open(os.path.join(self.folder, "settings"), encoding="utf-8") as file:
            return dict(line.strip().split("=", 1) for line in file if "=" in line)

    def pid(self):
        with open(os.path.join(self.folder, "pid"), encoding="utf-8") as file:
            return int(file.read())

    def wipe(self):
        """Everything that the stopped broker had on its disk is gone; name and ports stay."""
        shutil.rmtree(os.path.join(self.folder, "data"))
        os.mkdir(os.path.join(self.folder, "data"))


class Proxy:
    """The process of proxy.py and its command line."""

    def __init__(self, broker_port, ports, log):
        words = [f"{name}={port}" for name, port in ports.items()]
        self.process = spawn([PYTHON, os.path.join(HERE, "proxy.py"), "--broker", str(broker_port), *words],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.lock = threading.Lock()
        self.process.stdout.readline()

    def order(self, do, who="*", **rule):
        with self.lock:
            self.process.stdin.write(json.dumps({"do": do, "who": who, "rule": rule}) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())

    def set(self, who, **rule):
        return self.order("set", who, **rule)

    def stats(self):
        return self.order("stats")


class Daemon:
    """One service: its present process, and whether its end is planned. `lock` is held by whoever torments it."""

    def __init__(self, world, name):
        self.world, self.name, self.lock = world, name, threading.RLock()
        self.process, self.expected, self.started_at = None, None, 0.0
        self.state = threading.Lock()
        self.port = free_port()
        self.store = os.path.join(world.store_folder(name), f"{name}.db")
        self.log = os.path.join(world.folder, "logs", f"{name}.log")
        self.wanted = False
        self.quiet_start = False

    def environment(self, **more):
        world = self.world
        plain = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "TMPDIR", "TZ")}
        return {**plain, **SANITIZERS, **world.settings, "AMQP_URL": f"amqp://guest:guest@127.0.0.1:{world.doors[self.name]}/%2f",
                "DATABASE_URL": f"sqlite:{self.store}", "PORT": str(self.port), **more}

    def program(self):
        return os.path.join(self.world.bin, f"{self.name}-service")

    def start(self, wrapper=(), dies=None, log=None, **more):
        """`dies`: a fault and exit codes, when this process is to end by itself. `log`: it writes there instead."""
        if self.world.ending:
            raise RuntimeError("the run is over")
        with self.state, open(log or self.log, "ab", buffering=0) as log:
            self.expected, self.wanted, self.started_at = dies, True, time.monotonic()
            process = spawn([*wrapper, self.program()], env=self.environment(**more), stdin=subprocess.DEVNULL,
                            stdout=log, stderr=log)
            self.process = process
        threading.Thread(target=self.watch, args=(process,), daemon=True).start()
        return process

    def watch(self, process):
        """Waits for the end; writes down whether it was planned; brings an unplanned dead back to life."""
        code = process.wait()
        with self.state:
            mine = process is self.process
            fault, codes = self.expected or (None, ())
            planned = not mine or (fault is not None and code in codes)
            unplanned = mine and not planned and self.wanted
            if mine and planned:
                self.wanted = False  # whoever planned it brings it back; when that went wrong, the runner does
        self.world.deaths.write(t=time.time(), service=self.name, pid=process.pid, code=code, fault=fault, planned=planned)
        if unplanned and not self.world.ending:
            time.sleep(0.5)
            if process is self.process and self.wanted:
                self.start()

    def expect(self, fault, *codes):
        with self.state:
            self.expected = (fault, codes)

    def end(self, fault, number, *codes, timeout=15):
        """Sends a signal whose result is planned; the exit code, or None when it lives on."""
        with self.state:
            self.wanted = False
            self.expected = (fault, codes)
            process = self.process
        if process.poll() is None:
            process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout)
        return None

    def kill(self, fault):
        self.world.kills += 1
        return self.end(fault, signal.SIGKILL, -signal.SIGKILL)

    def await_kill(self, fault, seconds, dead=None):
        """Whether the kill that `fault` has planned came in time; if not, it is done here. `dead`: asked instead."""
        came = wait_until(seconds, dead or (lambda: not self.alive()))
        if came:
            self.world.kills += 1
        else:
            self.kill(fault)
        return came

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def admin(self, method, path, body=None, timeout=5):
        return ask(self.port, method, path, body, {"Authorization": f"Bearer {self.world.admin_token}"}, timeout)

    def lives(self):
        return ask(self.port, "GET", "/livez", timeout=2)[0] == 200

    def ready(self):
        return ask(self.port, "GET", "/readyz", timeout=2)[0] == 200

    def await_ready(self, seconds=20):
        """Seconds from the start of the process until it was ready; None when it was not in time."""
        if not wait_until(seconds, self.ready):
            return None
        took = time.monotonic() - self.started_at
        self.world.restarts.write(t=time.time(), service=self.name, ready_s=round(took, 3))
        return took

    def restart(self, wrapper=(), **more):
        self.start(wrapper, **more)
        return self.await_ready()

    def metric(self, name, label=""):
        """Sum over the values of a metric whose labels hold `label`; None when nobody answers."""
        status, text = ask(self.port, "GET", "/metrics")
        if status != 200:
            return None
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if line.startswith(name) and line[len(name)] in " {" and label in line)


class World:
    def __init__(self, folder, bin_folder, settings, small_disk=None, own_network=False):
        self.folder, self.bin, self.settings, self.small_disk = folder, bin_folder, settings, small_disk
        self.own_network = own_network  # whoever puts a rule into the packet filter meets nobody but this run
        self.admin_token = f"admin-{random.SystemRandom().getrandbits(128):032x}"
        settings["ADMIN_TOKEN"] = self.admin_token
        settings["BACKUP_DIR"] = os.path.join(folder, "backups")
        for name in ("logs", "stores", "early", "backups"):
            os.makedirs(os.path.join(folder, name), exist_ok=True)
        self.deaths = Lines(os.path.join(folder, "deaths.jsonl"))
        self.restarts = Lines(os.path.join(folder, "restarts.jsonl"))
        self.samples = Lines(os.path.join(folder, "samples.jsonl"))
        self.stock = Lines(os.path.join(folder, "stock.jsonl"))
        self.holes = Lines(os.path.join(folder, "holes.jsonl"))
        self.parked = Lines(os.path.join(folder, "parked.jsonl"))
        self.poison = Lines(os.path.join(folder, "poison.jsonl"))
        self.kills, self.broker_restarts, self.wipes, self.ending = 0, 0, 0, False
        self.broker = Broker(os.path.join(folder, "broker"))
        self.daemons, self.doors, self.proxy, self.helpers = {}, {}, None, []
        self.gateway_port = None
        self.short_lived = set()  # queues that had a message-ttl
        self.requests = 0  # how many H12 sends; 0: for a while

    def store_folder(self, name):
        """Order and payment live on the small disk, when there is one."""
        if self.small_disk and name in ("order", "payment"):
            return self.small_disk
        return os.path.join(self.folder, "stores")

    def path(self, name):
        return os.path.join(self.folder, name)

    def open(self, capture=True):
        self.broker.start()
        self.doors = {name: free_port() for name in SERVICES}
        with open(self.path("logs/proxy.log"), "ab") as log:
            self.proxy = Proxy(int(self.broker.settings()["BROKER_PORT"]), self.doors, log)
        self.daemons = {name: Daemon(self, name) for name in SERVICES}
        if capture:
            self.start_capture()
        for daemon in self.daemons.values():
            daemon.start()
        for daemon in self.daemons.values():
            if daemon.await_ready(40) is None:
                raise RuntimeError(f"{daemon.name}-service does not become ready, see {daemon.log}")
        threading.Thread(target=self.sample_for_ever, daemon=True).start()

    def start_capture(self):
        self.start_helper("capture.py", self.broker.url(), self.path("captured.jsonl"))
        if not wait_until(20, self.bound_at):
            raise RuntimeError("the capture does not come up, see logs/capture.log")

    def start_helper(self, script, *words):
        log = open(self.path("logs/" + script.replace(".py", ".log")), "ab")
        process = spawn([PYTHON, os.path.join(HERE, script), *map(str, words)], stdin=subprocess.DEVNULL, stdout=log,
                        stderr=log)
        log.close()
        self.helpers.append(process)
        return process

    def start_gateway(self, seed):
        """The payment gateway as a process of its own; the payment service is told where it is."""
        ledger, port_file = self.path("gateway.jsonl"), self.path("gateway.port")
        process = spawn([PYTHON, GATEWAY, "--ledger", ledger, "--port-file", port_file, "--seed", str(seed)],
                        stdin=subprocess.DEVNULL)
        self.helpers.append(process)
        if not wait_until(10, os.path.exists, port_file):
            raise RuntimeError("the gateway does not come up")
        with open(port_file, encoding="ascii") as file:
            self.gateway_port = int(file.read())
        self.settings["PAYMENT_GATEWAY_URL"] = f"http://127.0.0.1:{self.gateway_port}"
        self.settings["PAYMENT_GATEWAY_TIMEOUT_MS"] = "1000"
        self.settings["PAYMENT_LATE_CHECK_S"] = "1"

    def bound_at(self):
        """When the last request of the capture to bind its queue was made that the broker has granted; 0: none was."""
        with contextlib.suppress(OSError):
            return os.path.getmtime(self.path("captured.jsonl.bound"))
        return 0

    @contextlib.contextmanager
    def empty_folder(self, name):
        """A folder of the run that is empty, and gone afterwards."""
        folder = self.path(name)
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def connected(self):
        try:
            return pika.BlockingConnection(pika.URLParameters(self.broker.url()))
        except pika.exceptions.ProbableAccessDeniedError:
            return None
        except AMQPConnectorException as error:  # a broker that is frozen meanwhile: pika has no AMQPError for that
            raise pika.exceptions.AMQPConnectionError("no handshake in time") from error

    @contextlib.contextmanager
    def amqp(self):
        """A channel of our own to the broker, past the proxy, with confirms. A fault may have taken our rights for a while."""
        connection = wait_until(60, self.connected)
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            yield channel
        finally:
            with contextlib.suppress(pika.exceptions.AMQPError):
                connection.close()

    # ---- samples -------------------------------------------------------------------------------------------------

    def sample_for_ever(self):
        while not self.ending:
            with contextlib.suppress(Exception):
                self.sample()
            time.sleep(1.0)

    def sample(self):
        for daemon in self.daemons.values():
            process = daemon.process
            if process is None or process.poll() is not None:
                continue
            with contextlib.suppress(OSError, IndexError, StopIteration):
                with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
                    rss = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
                wal = os.path.getsize(daemon.store + "-wal") if os.path.exists(daemon.store + "-wal") else 0
                self.samples.write(t=time.time(), service=daemon.name, pid=process.pid, rss_kib=rss, wal=wal,
                                   fds=len(os.listdir(f"/proc/{process.pid}/fd")), log=os.path.getsize(daemon.log))
        before = time.time()
        status, text = ask(self.daemons["inventory"].port, "GET", "/inventory", timeout=3)
        if status == 200:
            self.stock.write(t0=before, t1=time.time(), products=json.loads(text)["products"])

    def copy_stores(self, target):
        """Main file, log and index of each store, in the order in which a reader needs them."""
        for daemon in self.daemons.values():
            for suffix in ("", "-wal", "-shm"):
                if os.path.exists(daemon.store + suffix):
                    shutil.copyfile(daemon.store + suffix, os.path.join(target, f"{daemon.name}.db{suffix}"))

    # ---- the end -------------------------------------------------------------------------------------------------

    def close(self):
        self.ending = True
        for daemon in self.daemons.values():
            daemon.wanted = False
            if daemon.alive():
                with contextlib.suppress(OSError):
                    os.killpg(daemon.process.pid, signal.SIGKILL)
        for process in [*self.helpers, *([self.proxy.process] if self.proxy else [])]:
            with contextlib.suppress(OSError):
                process.kill()
            process.wait()
        with contextlib.suppress(Exception):
            self.broker.run("kill", check=False)


def say(*words):
    print(*words, flush=True)
    sys.stdout.flush()
