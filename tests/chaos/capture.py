#!/usr/bin/python3
"""Writes down every event that the broker routes: the checker's own ear, a durable queue bound to "#".

One JSON line per message: t, key (routing), id, nudge, body. A message is acknowledged after its line was written, so
a broker that dies says it again. When the queue or its binding is gone (a wiped broker, a deleted exchange) it is
declared again. The time of the file FILE.bound is that of the last request to bind that the broker has granted: what
was there before it may have been a binding, or none. Runs until it is terminated.
"""
import json
import os
import sys
import time

import pika

QUEUE = "chaos.capture"
POLL_S = 0.3


def declare(channel):
    channel.exchange_declare("events", "topic", durable=True)
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})


def bind(channel, mark):
    """Fails without the exchange. With another of the same name it is a new binding, and nobody says so."""
    asked = time.time()
    channel.queue_bind(QUEUE, "events", "#")
    os.utime(mark, (asked, asked))


def line_of(method, properties, body):
    return json.dumps({"t": time.time(), "key": method.routing_key, "id": properties.message_id,
                       "nudge": "x-tern-nudge" in (properties.headers or {}), "headers": properties.headers or {},
                       "type": properties.type, "app": properties.app_id, "body": body.decode("latin-1")},
                      default=str)


def listen(url, out, mark):
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.basic_qos(prefetch_count=500)
    declare(channel)
    bind(channel, mark)
    last = [None]

    def on_message(_, method, properties, body):
        if not method.routing_key.startswith("tern."):  # beacons and the like are no events
            print(line_of(method, properties, body), file=out)
        last[0] = method.delivery_tag

    channel.basic_consume(QUEUE, on_message)
    while channel.is_open:
        connection.process_data_events(time_limit=POLL_S)
        out.flush()
        if last[0] is not None:
            channel.basic_ack(last[0], multiple=True)
            last[0] = None
        if channel.is_open:
            bind(channel, mark)  # somebody may have deleted it
    raise pika.exceptions.ChannelClosed(0, "closed")


def main():
    url, path = sys.argv[1:3]
    mark = path + ".bound"
    with open(mark, "w", encoding="utf-8"):
        os.utime(mark, (0, 0))
    with open(path, "a", encoding="utf-8") as out:
        while True:
            try:
                listen(url, out, mark)
            except (pika.exceptions.AMQPError, OSError):
                out.flush()
                time.sleep(0.2)


if __name__ == "__main__":
    main()
