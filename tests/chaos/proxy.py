#!/usr/bin/python3
"""A TCP proxy that lies: between the daemons and the broker, one listening port per daemon.

Takes commands as JSON lines on standard input and answers each with one line on standard output:

    {"do": "set", "who": "order" or "*", "rule": {...}}   changes how connections of a daemon are treated
    {"do": "reset", "who": ...}                            aborts what is connected, with RST
    {"do": "replay", "who": ...}                           sends a recorded publisher's bytes once more, raw
    {"do": "clear"}                                        everything passes again
    {"do": "stats"}                                        what was done so far, by name

Rules: hold_up, hold_down (silence: nothing passes until it is lifted), delay_up, delay_down (milliseconds), split_up,
split_down (one byte per write), drop_acks (the broker's confirms vanish), corrupt (the end octet of the next frame of
the broker is flipped), cut_after (RST after so many bytes more, in the middle of whatever that is), refuse (new
connections are closed at once), rate (bytes per second). "up" is towards the broker.
"""
import argparse
import asyncio
import collections
import json
import socket
import struct
import sys

RECORD_MAX = 256 * 1024
PLAIN = dict(hold_up=False, hold_down=False, delay_up=0, delay_down=0, split_up=False, split_down=False,
             drop_acks=False, corrupt=False, cut_after=None, refuse=False, rate=0)
# What a client sends and then waits for an answer: start-ok and open; all about channel, exchange, queue, confirms.
HANDSHAKE, DECLARING = {(10, 11), (10, 40)}, {20, 40, 50, 85}
FRAME_METHOD, BASIC_CONSUME, BASIC_PUBLISH, BASIC_ACK = 1, (60, 20), (60, 40), (60, 80)


class Frames:
    """Cuts a stream of AMQP frames into whole ones; the client's begins with a protocol header of 8 bytes."""

    def __init__(self, header):
        self.rest, self.header = bytearray(), header

    def feed(self, data):
        self.rest += data
        if self.header:
            if len(self.rest) < self.header:
                return
            yield bytes(self.rest[:self.header]), None
            del self.rest[:self.header]
            self.header = 0
        at = 0
        while len(self.rest) - at >= 7:
            size = struct.unpack_from(">I", self.rest, at + 3)[0] + 8
            if len(self.rest) - at < size:
                break
            frame = bytes(self.rest[at:at + size])
            at += size
            yield frame, method_of(frame)
        del self.rest[:at]


def method_of(frame):
    return struct.unpack_from(">HH", frame, 7) if frame[0] == FRAME_METHOD and len(frame) >= 12 else None


class Side:
    """The door of one daemon: its rule, its live connections, and one recorded publisher."""

    def __init__(self, name, broker_port, counts):
        self.name, self.broker_port, self.counts = name, broker_port, counts
        self.rule, self.links, self.recorded = dict(PLAIN), set(), b""
        self.lifted = asyncio.Condition()

    async def change(self, rule):
        async with self.lifted:
            self.rule.update(rule)
            self.lifted.notify_all()

    async def pass_when_lifted(self, way):
        async with self.lifted:
            if self.rule["hold_" + way]:
                self.counts["held " + way] += 1
                await self.lifted.wait_for(lambda: not self.rule["hold_" + way])

    def abort_all(self):
        for link in list(self.links):
            link.abort()
            self.counts["reset"] += 1


class Link:
    """One proxied connection: two pumps that end together."""

    def __init__(self, side, client, broker):
        self.side, self.client, self.broker = side, client, broker
        self.record, self.publishes, self.consumes, self.whole = bytearray(), 0, False, 0

    def abort(self):
        for _, writer in (self.client, self.broker):
            sock = writer.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def run(self):
        self.side.links.add(self)
        pumps = [asyncio.ensure_future(self.pump("up", self.client[0], self.broker[1], Frames(8))),
                 asyncio.ensure_future(self.pump("down", self.broker[0], self.client[1], Frames(0)))]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self.side.links.discard(self)
            self.keep_record()
            for _, writer in (self.client, self.broker):
                writer.close()

    def keep_record(self):
        if self.publishes and not self.consumes and len(self.record) > len(self.side.recorded) // 2:
            self.side.recorded = bytes(self.record[:self.whole])

    async def pump(self, way, reader, writer, frames):
        while True:
            data = await reader.read(65536)
            await self.side.pass_when_lifted(way)
            if not data:
                return
            out = bytearray()
            for frame, method in frames.feed(data):
                out += self.watch_up(frame, method) if way == "up" else self.bend_down(frame, method)
            if out and not await self.send(way, writer, bytes(out)):
                return

    def watch_up(self, frame, method):
        if len(self.record) <= RECORD_MAX:
            if method is not None:  # what was said before is complete
                self.whole = len(self.record)
            self.record += frame
        self.publishes += method == BASIC_PUBLISH
        self.consumes = self.consumes or method == BASIC_CONSUME
        return frame

    def bend_down(self, frame, method):
        if self.side.rule["drop_acks"] and method == BASIC_ACK:
            self.side.counts["confirms dropped"] += 1
            return b""
        if self.side.rule["corrupt"]:
            self.side.rule["corrupt"] = False
            self.side.counts["frames corrupted"] += 1
            return frame[:-1] + b"\x00"
        return frame

    async def send(self, way, writer, data):
        """False when the connection is to end here."""
        rule, counts = self.side.rule, self.side.counts
        if rule["delay_" + way]:
            counts["delayed"] += 1
            await asyncio.sleep(rule["delay_" + way] / 1000)
        if rule["rate"]:
            counts["slowed"] += 1
            await asyncio.sleep(len(data) / rule["rate"])
        if rule["cut_after"] is not None:
            if len(data) >= rule["cut_after"]:
                writer.write(data[:rule["cut_after"]])
                rule["cut_after"] = None
                counts["cut in a frame"] += 1
                await asyncio.sleep(0.05)
                self.abort()
                return False
            rule["cut_after"] -= len(data)
        if rule["split_" + way]:
            await self.send_split(writer, data)
        else:
            writer.write(data)
        await writer.drain()
        return True

    async def send_split(self, writer, data):
        self.side.counts["bytes sent alone"] += len(data)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(data)):
            if writer.transport.is_closing():
                return
            writer.write(data[at:at + 1])
            if at % 64 == 63:
                await asyncio.sleep(0)


async def serve(side, reader, writer):
    side.counts["connections"] += 1
    if side.rule["refuse"]:
        side.counts["refused"] += 1
        writer.transport.abort()
        return
    try:
        broker = await asyncio.open_connection("127.0.0.1", side.broker_port)
    except OSError:
        writer.transport.abort()
        return
    try:
        await Link(side, (reader, writer), broker).run()
    except (OSError, asyncio.CancelledError):
        pass


async def replay(side):
    """Sends the recorded frames of a publisher as they were; the broker takes them for a new client."""
    for link in side.links:
        link.keep_record()
    reader, writer = await asyncio.open_connection("127.0.0.1", side.broker_port)
    acknowledged, answers = 0, Frames(0)
    try:
        for frame, method in list(Frames(8).feed(side.recorded)):
            writer.write(frame)
            if method is None and frame[:4] == b"AMQP" or method in HANDSHAKE or method and method[0] in DECLARING:
                list(answers.feed(await asyncio.wait_for(reader.read(65536), 5)))
        while True:
            data = await asyncio.wait_for(reader.read(65536), 3)
            if not data:
                break
            acknowledged += sum(1 for _, method in answers.feed(data) if method == BASIC_ACK)
    except (asyncio.TimeoutError, OSError):
        pass
    writer.transport.abort()
    side.counts["replayed confirms"] += acknowledged
    return acknowledged


async def obey(sides, counts, order):
    chosen = [side for name, side in sides.items() if order.get("who", "*") in ("*", name)]
    if order["do"] == "set":
        for side in chosen:
            await side.change(order["rule"])
    elif order["do"] == "clear":
        for side in chosen:
            await side.change(PLAIN)
    elif order["do"] == "reset":
        for side in chosen:
            side.abort_all()
    elif order["do"] == "replay":
        return {"confirms": sum([await replay(side) for side in chosen])}
    return dict(counts)


async def main():
    parser = argparse.ArgumentParser(description="TCP fault proxy of the chaos runner")
    parser.add_argument("--broker", type=int, required=True)
    parser.add_argument("sides", nargs="+", help="name=port")
    options = parser.parse_args()
    counts, sides, servers = collections.Counter(), {}, []
    for word in options.sides:
        name, port = word.split("=")
        side = sides[name] = Side(name, options.broker, counts)
        servers.append(await asyncio.start_server(
            lambda reader, writer, side=side: serve(side, reader, writer), "127.0.0.1", int(port)))
    orders = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    print(json.dumps({"ready": True}), flush=True)
    while True:
        line = await orders.readline()
        if not line:
            break
        print(json.dumps(await obey(sides, counts, json.loads(line))), flush=True)
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(main())
