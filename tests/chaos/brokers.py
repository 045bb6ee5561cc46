"""The catalogue, continued: a broker that stops, forgets, refuses or limits (B). See faults.py for the rules."""
import contextlib
import os
import signal
import time

import pika

import hostile
from faults import FORGOT_POINTS, KILL, TERM, NotFired, await_back, back, fault, one_of
from world import SERVICES, ask, wait_until


def note_hole(world, start, gone):
    """From `start` until the capture, whose binding is `gone` since then, hears again, it may miss what is published."""
    heard = wait_until(60, lambda: world.bound_at() > gone)
    world.holes.write(t0=start, t1=time.time())
    if not heard:
        raise RuntimeError("the capture does not come back")


@fault("B1", "rabbitmqctl stop_app, start_app", "world", 8, restarts=True)
def stop_app(world, chance):
    with world.broker.lock:
        world.broker.ctl("stop_app")
        time.sleep(chance.uniform(0.5, 2))
        world.broker.ctl("start_app")
        world.broker.elections += world.broker.lead()
        world.broker_restarts += 1
    return "the broker's application stopped and started"


@fault("B2", "SIGKILL of the broker", "world", 8, restarts=True)
def kill_broker(world, chance):
    with world.broker.lock:
        world.broker.run("kill")
        time.sleep(chance.uniform(0, 1))
        world.broker.start()
        world.broker_restarts += 1
    return "the broker killed and started on its data"


@fault("B3", "no broker for a while; orders are accepted", "world", 20, restarts=True)
def long_absence(world, chance):
    with world.broker.lock:
        world.broker.run("stop")
        before = orders_accepted(world)
        time.sleep(chance.uniform(8, 12))
        after = orders_accepted(world)
        world.broker.start()
        world.broker_restarts += 1
    if after <= before:
        raise NotFired("no order was placed meanwhile")
    return f"{after - before} orders accepted without a broker"


def orders_accepted(world):
    return world.daemons["order"].metric("tern_outbox_pending") or 0


@fault("B4", "close_all_connections", "world", 3)
def close_connections(world, _):
    before = world.proxy.stats().get("connections", 0)
    world.broker.ctl("close_all_connections", "chaos")
    if not wait_until(15, lambda: world.proxy.stats().get("connections", 0) > before):
        raise NotFired("nobody connected anew")
    return f"{world.proxy.stats()['connections'] - before} new connections"


@fault("B5", "queue, binding or exchange deleted while in use", "world", 4)
def delete_topology(world, chance):
    what = chance.choice(("queue", "queue", "binding", "exchange"))
    name = f"{chance.choice(SERVICES)}-service"
    start = time.time()
    with world.amqp() as channel:
        if what == "queue":
            channel.queue_delete(name)
        elif what == "binding":
            channel.queue_unbind(name, "events", "order.placed")
            channel.queue_unbind(name, "events", "payment.processed")
        else:
            channel.exchange_delete("events")
    if what == "exchange":
        note_hole(world, start - 1, time.time())
    return f"{what} {name if what != 'exchange' else 'events'} deleted"


@fault("A3", "a queue purged by hand, or a message-ttl policy put on it", "world", 14)
def lose_messages(world, chance):
    """Nobody tells the consumer, which is away; nobody waits for a letter; the numbers must tell."""
    daemon, way = one_of(world, chance), chance.choice(("purge", "ttl"))
    queue = f"{daemon.name}-service"
    with daemon.lock:
        daemon.end("A3", signal.SIGTERM, TERM)
        try:
            lost = purge(world, queue) if way == "purge" else expire(world, queue)
        finally:
            back(daemon, "messages that were lost")
    if not lost:
        raise NotFired(f"nothing came to {queue}")
    return f"{lost} messages of {queue} lost by {way}"


def purge(world, queue):
    def purged():
        with world.amqp() as channel:
            return channel.queue_purge(queue).method.message_count
    return wait_until(8, purged)


def expire(world, queue):
    """What is dead-lettered is thrown away too: a person who looks there finds nothing. A quorum queue expires only
    what is at its head: what came before the policy has no end and would keep the others."""
    world.short_lived.add(queue)
    world.broker.ctl("set_policy", "short", f"^{queue}$", '{"message-ttl": 20}', "--apply-to", "queues")
    try:
        with world.amqp() as channel:
            channel.queue_purge(queue)
        return wait_until(8, drop_dead, world, queue)
    finally:
        world.broker.ctl("clear_policy", "short")
        wait_until(20, lambda: not drop_dead(world, queue))


def drop_expired(world):
    """What died of a policy after its fault was over: what was put back before it kept it from its end."""
    for queue in world.short_lived:
        drop_dead(world, queue)


def drop_dead(world, queue):
    """Takes what expired in this queue out of events.dead, as much as there is now; how many there were."""
    count, others = 0, []
    with world.amqp() as channel:
        for _ in range(channel.queue_declare("events.dead", passive=True).method.message_count):
            method, properties, _ = channel.basic_get("events.dead")
            if method is None:
                break
            headers = properties.headers or {}
            if (headers.get("x-first-death-queue"), headers.get("x-first-death-reason")) != (queue, "expired"):
                others.append(method.delivery_tag)
                continue
            channel.basic_ack(method.delivery_tag)
            count += 1
        for tag in others:
            channel.basic_nack(tag, requeue=True)
    return count


def broker_alarm(world, set_words, clear_words, seconds):
    world.broker.ctl(*set_words)
    try:
        blocked = wait_until(seconds, lambda: any(d.metric("tern_amqp_blocked") for d in world.daemons.values()))
        accepted = ask(world.daemons["order"].port, "GET", "/livez")[0]
        time.sleep(seconds / 2)
    finally:
        world.broker.ctl(*clear_words)
    if not blocked:
        raise NotFired("no publisher was blocked")
    if accepted != 200:
        raise RuntimeError("order-service does not answer while its publisher is blocked")
    return "a publisher was blocked, the doors answered"


@fault("B6", "memory alarm", "world", 12)
def memory_alarm(world, _):
    return broker_alarm(world, ("set_vm_memory_high_watermark", "0"), ("set_vm_memory_high_watermark", "0.4"), 6)


@fault("B7", "disk alarm", "world", 14)
def disk_alarm(world, _):
    return broker_alarm(world, ("set_disk_free_limit", "10000GB"), ("set_disk_free_limit", "50MB"), 12)


@fault("B8", "the broker's data directory wiped while it is stopped", "world", 14, restarts=True)
def wipe_broker(world, chance):
    """One daemon dies while it says its log again to the broker that forgot."""
    daemon, point = one_of(world, chance), chance.choice(FORGOT_POINTS)
    with daemon.lock, world.broker.lock:
        daemon.kill("B8")
        daemon.start(dies=("B8", (KILL,)), TERN_CHAOS_KILL=f"{point}:1")
        await_back(daemon, "a kill")
        start = time.time()
        world.broker.run("kill")
        world.broker.wipe()
        gone = time.time()
        world.proxy.set("*", refuse=True)  # the capture hears first
        try:
            world.broker.start()
            note_hole(world, start - 3, gone)
        finally:
            world.proxy.set("*", refuse=False)
        world.broker_restarts += 1
        world.wipes += 1
        died = daemon.await_kill("B8", 20)
        back(daemon, f"a kill at {point}")
    return f"started on an empty folder; {daemon.name} {'died' if died else 'did not pass'} at {point}"


@fault("B9", "permissions withdrawn", "world", 8)
def withdraw_permissions(world, _):
    world.broker.ctl("clear_permissions", "guest")
    try:
        world.broker.ctl("close_all_connections", "chaos")
        time.sleep(2)
        down = world.daemons["order"].metric("tern_amqp_connected")
    finally:
        world.broker.ctl("set_permissions", "guest", ".*", ".*", ".*")
    if down is None or down >= 2:
        raise NotFired("order-service stayed connected")
    return "connections closed, and refused for want of rights"


OTHER_SETTINGS = b"exists with other settings"
TRIES_MOST = 40  # of two links of each of four daemons, in 4 s


@fault("B10", "a queue that exists with other arguments", "world", 10)
def other_arguments(world, chance):
    """Every daemon declares every queue, so none that connects anew gets on until a person has deleted this one."""
    daemon = one_of(world, chance)
    queue = f"{daemon.name}-service"
    with daemon.lock:
        daemon.end("B10", signal.SIGTERM, TERM)
        try:
            if not wait_until(5, declare_otherwise, world, queue):
                raise NotFired(f"somebody else declared {queue}")
            mark = os.path.getsize(daemon.log)
            daemon.start()
            refused = wait_until(10, lambda: OTHER_SETTINGS in text_since(daemon.log, mark))
            before = world.proxy.stats()["connections"]
            time.sleep(4)
            tries = world.proxy.stats()["connections"] - before
            if not daemon.lives() or daemon.ready() or tries > TRIES_MOST:
                raise RuntimeError(f"{queue} of another kind: {daemon.name}-service lives {daemon.lives()}, is ready "
                                   f"{daemon.ready()}, and made {tries} connections in 4 s")
        finally:
            with world.amqp() as channel:  # what a person does who reads the sentence
                channel.queue_delete(queue)
        if daemon.await_ready(20) is None:
            raise RuntimeError(f"{queue} is gone, and its daemon does not go on")
    if not refused:
        raise NotFired(f"{queue} was taken as it was")
    return f"{queue} as a classic queue: refused in words, {tries} connections in 4 s, ready when it was deleted"


def declare_otherwise(world, queue):
    """False when a daemon that connects anew was faster."""
    with contextlib.suppress(pika.exceptions.AMQPError), world.amqp() as channel:
        channel.queue_delete(queue)
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "classic"})
        return True
    return False


def text_since(path, mark):
    with open(path, "rb") as file:
        file.seek(mark)
        return file.read()


@fault("B11", "a full queue that refuses (nacks)", "world", 14)
def full_queue(world, chance):
    daemon = world.daemons[chance.choice(("inventory", "notification", "payment"))]
    nacks = sum_nacks(world, daemon)
    with daemon.lock:
        daemon.end("B11", signal.SIGTERM, TERM)
        world.broker.ctl("set_policy", "small", f"^{daemon.name}-service$", '{"max-length": 2}', "--apply-to", "queues")
        try:
            fired = wait_until(8, lambda: sum_nacks(world, daemon) > nacks)
        finally:
            world.broker.ctl("clear_policy", "small")
            back(daemon, "a full queue")
    if not fired:
        raise NotFired("nothing was refused")
    return f"publications to {daemon.name}-service refused"


def sum_nacks(world, stopped):
    return sum(d.metric("tern_publish_failures_total", 'reason="nack"') or 0
               for d in world.daemons.values() if d is not stopped)


@fault("B12", "the broker's delivery limit, reached by kills", "world", 12)
def delivery_limit(world, chance):
    """What comes back for the fourth time goes to events.dead; a person clears the cause and puts it back."""
    daemon = one_of(world, chance)
    queue, deaths = f"{daemon.name}-service", 0
    with daemon.lock:
        world.broker.ctl("set_policy", "limit", f"^{queue}$", '{"delivery-limit": 3}', "--apply-to", "queues")
        try:
            daemon.kill("B12")
            say_again(world, chance, 20)  # so that there is something to be delivered
            while deaths < 10 and not dead_lettered(world):
                daemon.start(dies=("B12", (KILL,)), TERN_CHAOS_KILL="cons.after_recv:1")
                if not wait_until(10, lambda: not daemon.alive()):
                    break
                deaths += 1
                wait_until(0.5, dead_lettered, world)
        finally:
            world.broker.ctl("clear_policy", "limit")
            world.kills += deaths
            if daemon.alive():
                daemon.kill("B12")
            back(daemon, "kills with deliveries in hand")
    count = put_back(world, queue)
    if not count:
        raise NotFired(f"{deaths} deaths, and nothing of {queue} was dead-lettered")
    return f"{deaths} deaths, {count} messages of {queue} dead-lettered and put back"


def say_again(world, chance, count):
    """Events that everybody knows, to be delivered once more."""
    with world.amqp() as channel:
        for event in hostile.captured_sample(world, count, chance):
            hostile.publish(channel, "events", event["key"], event["body"].encode("latin-1"),
                            hostile.properties_of(event, False))


def dead_lettered(world):
    with world.amqp() as channel:
        return channel.queue_declare("events.dead", passive=True).method.message_count


def put_back(world, queue):
    """Every message of events.dead that died in this queue goes back there; how many did."""
    count, others = 0, []
    with world.amqp() as channel:
        while (got := channel.basic_get("events.dead"))[0] is not None:
            method, properties, body = got
            headers = dict(properties.headers or {})
            if headers.get("x-first-death-queue") != queue:
                others.append(method.delivery_tag)
                continue
            properties.headers = {name: value for name, value in headers.items() if not name.startswith("x-")
                                  or name.startswith("x-tern-")}
            channel.basic_publish("", queue, body, properties)
            channel.basic_ack(method.delivery_tag)
            count += 1
        for tag in others:
            channel.basic_nack(tag, requeue=True)
    return count


DEFAULT_TIMEOUT_MS, DEFAULT_TICK_MS = 1800000, 60000


def set_consumer_timeout(world, timeout_ms, tick_ms):
    """A channel reads both when it is opened, so all are opened anew."""
    world.broker.ctl("eval", f"application:set_env(rabbit, consumer_timeout, {timeout_ms}), "
                     f"application:set_env(rabbit, channel_tick_interval, {tick_ms}).")
    world.proxy.order("reset")


@fault("B13", "deliveries in hand for longer than the broker's consumer_timeout", "world", 12)
def consumer_timeout(world, chance):
    """Shorter than the heartbeats: the connection stays, only its channel is closed."""
    daemon = one_of(world, chance, ("payment", "inventory", "notification"))
    logs = os.path.join(world.broker.folder, "log")
    marks = {name: os.path.getsize(os.path.join(logs, name)) for name in os.listdir(logs)}

    def timed_out():
        return any(b"has timed out waiting for" in text_since(os.path.join(logs, name), marks.get(name, 0))
                   for name in os.listdir(logs))

    def reconnects():
        return daemon.metric("tern_amqp_reconnects_total") or 0

    with daemon.lock:
        old = reconnects()
        set_consumer_timeout(world, 3000, 1000)
        try:
            if not wait_until(10, lambda: reconnects() >= old + 2 and daemon.metric("tern_amqp_connected") == 2):
                raise NotFired(f"{daemon.name} has no new channel")
            before = reconnects()
            os.kill(daemon.process.pid, signal.SIGSTOP)
            try:
                say_again(world, chance, 50)
                wait_until(9, timed_out)
            finally:
                os.kill(daemon.process.pid, signal.SIGCONT)
            fired = timed_out() and wait_until(10, lambda: reconnects() > before)
        finally:
            set_consumer_timeout(world, DEFAULT_TIMEOUT_MS, DEFAULT_TICK_MS)
        if not wait_until(20, lambda: daemon.metric("tern_amqp_connected") == 2):
            raise RuntimeError(f"{daemon.name}-service does not connect after its channel was closed")
    if not fired:
        raise NotFired("the broker waited")
    return f"the broker closed a channel of {daemon.name}-service, which came back"


@fault("B15", "SIGSTOP of the broker beyond the heartbeats", "world", 32)
def stop_broker(world, chance):
    with world.broker.lock:
        pid = world.broker.pid()
        os.killpg(pid, signal.SIGSTOP)
        try:
            time.sleep(chance.uniform(21, 26))
            links = {d.name: d.metric("tern_amqp_connected") for d in world.daemons.values()}
        finally:
            os.killpg(pid, signal.SIGCONT)
    cut_off = [name for name, up in links.items() if up is not None and up < 2]
    if not cut_off:
        raise NotFired(f"nobody noticed: {links}")
    return f"no link of {', '.join(cut_off)}, until the broker went on"
