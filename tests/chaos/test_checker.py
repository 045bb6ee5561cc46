#!/usr/bin/python3
"""Shows the checker red: a small sound run is made by hand, then each test breaks one thing in it.

    tests/chaos/test_checker.py        needs python3 alone

The stores have the project's own schema. The sound run has three orders: one ready, one out of stock and refunded, one
whose payment failed; every test says which invariant must object to what it changes.
"""
import contextlib
import io
import json
import os
import pathlib
import re
import shutil
import sqlite3
import tempfile
import unittest

import checker

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOW = 1_800_000_000_000
LOG = ("INSERT INTO event_log VALUES (NULL, :origin, :version, :at, :id, :type, :subject, 'conversation', :cause, NULL, :body,"
       " CASE WHEN :origin = 1 THEN (SELECT count(*) + 1 FROM event_log WHERE origin = 1 AND type = :type) END,"
       " 0)")


def schema_of(name):
    folders = (ROOT / "common/service/schema", ROOT / f"services/{name}/schema")
    return "".join(file.read_text(encoding="utf-8") for folder in folders for file in sorted(folder.glob("*.sql")))


class Run:
    """A run's folder, written by hand."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="tern-checker.")
        for name in ("stores", "logs", "early"):
            os.mkdir(self.path(name))
        self.stores = {name: self.new_store(name) for name in checker.SERVICES}
        self.versions, self.count, self.captured, self.ledger, self.api = {}, 0, [], [], []

    def path(self, name):
        return os.path.join(self.folder, name)

    def new_store(self, name):
        store = sqlite3.connect(self.path(f"stores/{name}.db"))
        store.execute("PRAGMA synchronous = OFF")
        store.execute("PRAGMA journal_mode = MEMORY")
        store.executescript("BEGIN;" + schema_of(name) + "COMMIT;")
        return store

    def write(self, name, lines):
        with open(self.path(name), "w", encoding="utf-8") as file:
            for line in lines:
                file.write(json.dumps(line) + "\n")

    def event(self, service, kind, subject, cause=None, **data):
        """Said by the service, heard by the capture, and taken into the order's stream when that is another's."""
        self.count += 1
        event = {"eventId": f"event-{self.count}", "eventType": kind, "subject": subject, "producer": f"{service}-service",
                 "correlationId": "conversation", "data": {"orderId": subject, "customerId": f"C-{subject}", **data}}
        body = json.dumps(event)
        self.log(service, 1, event["eventId"], kind, subject, cause, body)
        if service in ("payment", "inventory"):
            self.log("order", 0, event["eventId"], kind, subject, cause, body)
        self.captured.append({"t": NOW / 1000, "key": kind, "id": event["eventId"], "body": body})
        return event["eventId"]

    def log(self, service, origin, event, kind, subject, cause, body):
        version = self.versions[service, subject] = self.versions.get((service, subject), 0) + 1
        self.stores[service].execute(LOG, {"origin": origin, "version": version, "at": NOW, "id": event, "type": kind,
                                           "subject": subject, "cause": cause, "body": body})

    def change(self, order, before, after, **data):
        self.event("order", "OrderUpdated", order, previousStatus=before, status=after, **data)

    def place(self, order, product, quantity):
        """A customer asks for pieces at 10.00 each, and is answered."""
        n = len([line for line in self.ledger if line["op"] == "plan"])
        total = 1000 * quantity
        self.ledger += [{"op": "plan", "n": n, "key": f"key-{n}", "customer": f"C-{order}", "items": [[product, quantity, 1000]],
                         "total": total, "currency": "USD"},
                        {"op": "place", "n": n, "t0": 1, "t1": 2, "status": 201, "order": order, "attempt": 1,
                         "replayed": False, "left": False, "retry_after": None}]
        self.event("order", "OrderPlaced", order, items=[{"productId": product, "quantity": quantity, "price": "10.00"}],
                   totalAmount=f"{total // 100}.00", currency="USD", status="CREATED")

    def project(self, order, status, reason=None, transaction=None, product=None):
        """The row of `orders`, and what GET says of it."""
        version = self.versions["order", order]
        total = next(p["total"] for p in self.ledger if p["op"] == "plan" and p["customer"] == f"C-{order}")
        self.stores["order"].execute("INSERT INTO orders VALUES (?,?,'conversation',?,?,'NONE','NONE',0,?,?,?,?,'USD',1,1,'{}',NULL)",
                                     (order, f"C-{order}", version, status, reason, transaction, product, total))
        shown = {"orderId": order, "customerId": f"C-{order}", "status": status, "version": version, "currency": "USD",
                 "correlationId": "conversation", "totalAmount": f"{total // 100}.00", "reason": reason,
                 "transactionId": transaction, "productId": product}
        stream = [json.loads(row[0]) for row in self.stores["order"].execute(
            "SELECT body FROM event_log WHERE subject = ? ORDER BY seq", (order,))]
        shown["items"] = stream[0]["data"]["items"]
        self.api.append({"order": order, "get_status": 200, "get": json.dumps(shown), "events_status": 200,
                         "events": json.dumps({"events": stream})})
        self.ledger.append({"op": "read", "n": 0, "order": order, "t0": 5, "t1": 6, "status": 200, "version": version,
                            "state": status})

    def notify(self, order, *kinds):
        for kind in kinds:
            self.stores["notification"].execute(
                "INSERT INTO notification VALUES (NULL, ?, ?, ?, NULL, 'SENT', 'a', 'EMAIL', 'EMAIL', '', '', '', 1, 1, 'c')",
                (f"{kind}:{order}", kind, order))

    def pay(self, order, amount, status, transaction=None, refund=None):
        self.stores["payment"].execute("INSERT INTO payment VALUES (?, 'c', ?, 'USD', ?, 0, ?, ?, NULL, 1, 1, NULL)",
                                       (order, amount, status, transaction, refund))

    # ---- three lives

    def ready_order(self):
        self.place("ORD-1", "P", 2)
        self.event("payment", "PaymentProcessed", "ORD-1", amount="20.00", transactionId="T1")
        self.change("ORD-1", "CREATED", "PAID")
        self.event("inventory", "InventoryReserved", "ORD-1", items=[{"productId": "P", "quantity": 2}])
        self.change("ORD-1", "PAID", "READY_FOR_SHIPMENT")
        self.project("ORD-1", "READY_FOR_SHIPMENT", transaction="T1")
        self.pay("ORD-1", 2000, "SUCCESS", "T1")
        self.notify("ORD-1", "ORDER_CONFIRMATION", "PAYMENT_CONFIRMATION")

    def cancelled_order(self):
        self.place("ORD-2", "Q", 5)
        self.event("payment", "PaymentProcessed", "ORD-2", amount="50.00", transactionId="T2")
        self.change("ORD-2", "CREATED", "PAID")
        self.event("inventory", "ProductOutOfStock", "ORD-2", productId="Q", requested=5, available=1)
        self.change("ORD-2", "PAID", "INVENTORY_ISSUE", productId="Q")
        self.event("order", "OrderCancelled", "ORD-2", reason="OUT_OF_STOCK")
        self.event("payment", "PaymentRefunded", "ORD-2", amount="50.00", transactionId="T2", refundId="R2")
        self.change("ORD-2", "INVENTORY_ISSUE", "CANCELLED")
        self.event("inventory", "InventoryReleased", "ORD-2", items=[])
        self.project("ORD-2", "CANCELLED", reason="OUT_OF_STOCK", transaction="T2", product="Q")
        self.pay("ORD-2", 5000, "REFUNDED", "T2", "R2")
        self.notify("ORD-2", "ORDER_CONFIRMATION", "ORDER_CANCELLATION")

    def failed_order(self):
        self.place("ORD-3", "P", 1)
        self.event("payment", "PaymentFailed", "ORD-3", amount="10.00", status="FAILED", error="declined")
        self.change("ORD-3", "CREATED", "PAYMENT_FAILED")
        self.event("order", "OrderCancelled", "ORD-3", reason="PAYMENT_FAILED")
        self.event("payment", "PaymentVoided", "ORD-3")
        self.event("inventory", "InventoryReleased", "ORD-3", items=[])
        self.project("ORD-3", "PAYMENT_FAILED", reason="PAYMENT_FAILED")
        self.pay("ORD-3", 1000, "FAILED")
        self.notify("ORD-3", "ORDER_CONFIRMATION", "PAYMENT_FAILURE")

    def sound(self):
        self.ready_order()
        self.cancelled_order()
        self.failed_order()
        self.ledger.append({"op": "other body", "n": 0, "t0": 3, "t1": 4, "status": 422})
        for product, quantity, reserved in (("P", 8, 2), ("Q", 1, 0)):
            self.stores["inventory"].execute("INSERT INTO product (product_id, name, quantity, reserved, updated_at) VALUES (?, ?, ?, ?, 1)", (product, product, quantity, reserved))
        for store in self.stores.values():
            store.execute("UPDATE outbox_position SET confirmed_through = (SELECT coalesce(max(seq), 0) FROM event_log)")
        self.poison = [{"t": 1, "service": "order", "name": "not JSON", "id": None, "size": 1}]
        self.parked = [{"service": "order", "poisoned": True, "eventId": "raw-1"}]
        self.stores["order"].execute("INSERT INTO parked_audit VALUES (NULL, 1, 'discard', 'done', 'raw-1', NULL, NULL,"
                                     " 'malformed', 0, NULL, NULL)")
        self.stock = [{"t0": 1, "t1": 2, "products": [{"productId": "P", "quantity": 10, "reserved": 0}]}]
        self.samples = [{"service": "order", "rss_kib": 1, "fds": 1, "wal": 1}]
        self.deaths = [{"service": "order", "pid": 1, "code": -9, "fault": "P2", "planned": True}]
        self.faults = [{"queue": "order-service", "left": 0}]
        self.pages = [{"service": "order", "path": "/metrics", "status": 200, "text": "tern_outbox_pending 0"}]
        self.logs = {"order": b"msg=fine\n", "notification": b'msg="mail sent (simulated)" to=a@secret.example\n'}
        self.world = {"stock": {"P": 10, "Q": 1}, "secrets": ["card-", "@secret.example"],
                      "caps": {"rss_kib": 10, "fds": 10, "wal": 10}}
        return self

    def save(self):
        for store in self.stores.values():
            store.commit()
            store.close()
        for name in ("ledger", "captured", "api", "poison", "parked", "stock", "samples", "deaths", "faults", "pages"):
            self.write(f"{name}.jsonl", getattr(self, name))
        for name, text in self.logs.items():
            pathlib.Path(self.path(f"logs/{name}.log")).write_bytes(text)
        pathlib.Path(self.path("world.json")).write_text(json.dumps(self.world), encoding="utf-8")

    def judged(self):
        """identifier -> violations."""
        self.save()
        try:
            return {identifier: verdict.violations for identifier, verdict in checker.judge(self.folder).items()}
        finally:
            shutil.rmtree(self.folder)


class CheckerTest(unittest.TestCase):
    def setUp(self):
        self.run_ = Run().sound()

    def tearDown(self):
        shutil.rmtree(self.run_.folder, ignore_errors=True)

    def objects(self, identifier, words=""):
        """The named invariant objects, with these words."""
        violations = self.run_.judged()[identifier]
        self.assertTrue(any(words in sentence for sentence in violations), f"{identifier} says only {violations}")

    def sql(self, service, statement, *values):
        self.assertGreater(self.run_.stores[service].execute(statement, values).rowcount, 0)

    def edit(self, service, event, **data):
        """Changes the payload of an event in its service's log."""
        store = self.run_.stores[service]
        body = json.loads(store.execute("SELECT body FROM event_log WHERE event_id = ?", (event,)).fetchone()[0])
        body["data"].update(data)
        self.sql(service, "UPDATE event_log SET body = ? WHERE event_id = ?", json.dumps(body), event)

    def id_of(self, kind, order):
        return next(c["id"] for c in self.run_.captured if c["key"] == kind and json.loads(c["body"])["subject"] == order)

    def test_a_sound_run_has_no_violation(self):
        self.assertEqual({k: v for k, v in self.run_.judged().items() if v}, {})

    def test_every_invariant_is_there(self):
        self.assertEqual([c[0] for c in checker.CHECKS], [f"I{i}" for i in range(1, 21)])

    def test_the_command_ends_with_1_on_a_violation_and_prints_the_counts(self):
        self.run_.deaths[0]["planned"] = False
        self.run_.save()
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            self.assertEqual(checker.check(self.run_.folder), 1)
        self.assertIn("I4   no double charge: 2 captures of 3 orders", said.getvalue())

    def test_I1_an_accepted_order_that_cannot_be_fetched(self):
        self.run_.api[0]["get_status"] = 404
        self.objects("I1", "ORD-1")

    def test_I1_an_accepted_order_that_is_in_no_log(self):
        self.run_.ledger[1]["order"] = "ORD-9"
        self.objects("I1", "ORD-9")

    def test_I2_two_orders_of_one_key(self):
        self.run_.event("order", "OrderPlaced", "ORD-8", customerId="C-ORD-1", items=[], totalAmount="0", currency="USD")
        self.objects("I2", "2 orders")

    def test_I2_an_order_of_nobody(self):
        self.run_.event("order", "OrderPlaced", "ORD-8", items=[], totalAmount="0", currency="USD")
        self.objects("I2", "nobody")

    def test_I3_two_answers_of_one_key(self):
        self.run_.ledger.append(dict(self.run_.ledger[1], order="ORD-2"))
        self.objects("I3", "key of n 0")

    def test_I3_another_body_is_taken(self):
        next(line for line in self.run_.ledger if line["op"] == "other body")["status"] = 201
        self.objects("I3", "another body")

    def test_I4_a_second_charge(self):
        self.run_.event("payment", "PaymentProcessed", "ORD-1", amount="20.00", transactionId="T9")
        self.objects("I4", "2 times")

    def test_I4_a_wrong_amount(self):
        self.edit("payment", self.id_of("PaymentProcessed", "ORD-1"), amount="19.99")
        self.objects("I4", "1999 charged of 2000")

    def test_I4_a_second_charge_that_only_the_gateway_knows(self):
        self.run_.write("gateway.jsonl", [{"what": "capture", "key": k, "orderId": "ORD-1", "amount": 2000, "currency": "USD",
                                           "id": k} for k in ("a", "b")])
        self.objects("I4", "2 times")

    def test_I4_a_gateway_that_was_asked_for_nothing(self):
        self.run_.write("gateway.jsonl", [{"what": "capture", "key": "k", "orderId": "ORD-1", "amount": 0, "currency": "USD",
                                           "id": "x"}])
        self.objects("I4", "a gateway was asked")

    def test_I4_a_free_order_with_the_money_of_another(self):
        self.edit("payment", self.id_of("PaymentProcessed", "ORD-1"), amount="0.00")
        self.objects("I4", "ORD-1 is free, and PaymentProcessed says T1")

    def test_I5_a_charge_of_no_order(self):
        self.run_.event("payment", "PaymentProcessed", "ORD-7", amount="1.00", transactionId="T7")
        self.sql("order", "DELETE FROM event_log WHERE subject = 'ORD-7'")
        self.objects("I5", "ORD-7")

    def test_I6_money_that_was_kept(self):
        event = self.id_of("PaymentRefunded", "ORD-2")
        self.sql("payment", "DELETE FROM event_log WHERE event_id = ?", event)
        self.objects("I6", "were kept")

    def test_I6_more_refunded_than_taken(self):
        self.edit("payment", self.id_of("PaymentRefunded", "ORD-2"), amount="60.00")
        self.objects("I6", "6000 given back of 5000")

    def test_I6_a_ready_order_without_money(self):
        self.sql("payment", "DELETE FROM event_log WHERE subject = 'ORD-1'")
        self.objects("I6", "0 of 2000 taken")

    def test_I6_a_refund_before_its_charge(self):
        entry = {"key": "k", "orderId": "ORD-2", "amount": 5000, "currency": "USD", "id": "x"}
        self.run_.write("gateway.jsonl", [dict(entry, what="refund"), dict(entry, what="capture")])
        self.objects("I6", "before it was charged")

    def test_I7_stock_that_vanished(self):
        self.sql("inventory", "UPDATE product SET quantity = 7 WHERE product_id = 'P'")
        self.objects("I7", "7 free and 2 reserved of 10")

    def test_I7_stock_held_for_nobody(self):
        self.sql("inventory", "UPDATE product SET quantity = 7, reserved = 3 WHERE product_id = 'P'")
        self.objects("I7", "orders hold 2")

    def test_I7_a_snapshot_in_the_middle(self):
        self.run_.stock[0]["products"][0]["quantity"] = 11
        self.objects("I7", "11 free")

    def test_I8_more_sold_than_there_was(self):
        self.run_.world["stock"]["P"] = 1
        self.objects("I8", "2 sold of 1")

    def test_I9_an_order_without_an_end(self):
        self.run_.place("ORD-4", "P", 1)
        self.objects("I9", "ORD-4 is CREATED")

    def test_I10_a_gap_in_a_stream(self):
        self.sql("order", "DELETE FROM event_log WHERE subject = 'ORD-1' AND subject_version = 3")
        self.objects("I10", "version 4 instead of 3")

    def test_I10_a_gap_in_the_numbers_of_a_type(self):
        self.sql("order", "UPDATE event_log SET number = 99 WHERE type = 'OrderPlaced' AND number = 3")
        self.objects("I10", "OrderPlaced")

    def test_I10_history_that_was_rewritten(self):
        self.run_.stores["order"].commit()
        shutil.copyfile(self.run_.path("stores/order.db"), self.run_.path("early/order.db"))
        self.edit("order", self.id_of("OrderPlaced", "ORD-1"), note="another")
        self.objects("I10", "rewritten")

    def test_I10_history_that_was_lost(self):
        self.run_.stores["order"].commit()
        shutil.copyfile(self.run_.path("stores/order.db"), self.run_.path("early/order.db"))
        self.sql("order", "DELETE FROM event_log WHERE subject = 'ORD-3'")
        self.objects("I10", "lost")

    def test_I11_a_change_that_is_not_legal(self):
        self.run_.change("ORD-1", "READY_FOR_SHIPMENT", "CANCELLED")
        self.objects("I11", "goes from READY_FOR_SHIPMENT to CANCELLED")

    def test_I11_a_status_without_its_cause(self):
        self.run_.place("ORD-4", "P", 1)
        self.run_.change("ORD-4", "CREATED", "PAID")
        self.objects("I11", "becomes PAID without")

    def test_I11_a_cancel_that_was_never_said(self):
        self.run_.change("ORD-1", "READY_FOR_SHIPMENT", "CANCELLING")
        self.objects("I11", "never said OrderCancelled")

    def test_I11_a_wrong_reason(self):
        self.edit("order", self.id_of("OrderCancelled", "ORD-3"), reason="OUT_OF_STOCK")
        self.objects("I11", "cancelled for OUT_OF_STOCK")

    def test_I12_a_read_model_that_differs(self):
        self.sql("order", "UPDATE orders SET transaction_id = 'T9' WHERE order_id = 'ORD-1'")
        self.objects("I12", "the row")

    def test_I12_an_answer_that_differs(self):
        self.run_.api[0]["get"] = self.run_.api[0]["get"].replace("READY_FOR_SHIPMENT", "PAID")
        self.objects("I12", "GET says")

    def test_I13_an_event_that_was_not_published(self):
        self.sql("order", "UPDATE outbox_position SET confirmed_through = 1")
        self.objects("I13", "not published")

    def test_I13_a_ghost(self):
        self.run_.captured.append({"t": 1, "key": "x", "id": "ghost", "body": "{}"})
        self.objects("I13", "in no log")

    def test_I13_an_event_that_nobody_heard(self):
        self.run_.captured.pop()
        self.objects("I13", "never heard")

    def test_I13_an_event_with_two_bodies(self):
        self.run_.captured.append(dict(self.run_.captured[0], body="{}"))
        self.objects("I13", "two bodies")

    def test_I14_an_effect_that_came_twice(self):
        self.run_.event("inventory", "InventoryReserved", "ORD-1", items=[])
        self.objects("I14", "2 InventoryReserved")

    def test_I14_a_payment_that_was_declined_and_taken(self):
        self.run_.event("payment", "PaymentProcessed", "ORD-3", amount="10.00", transactionId="T3")
        self.objects("I14", "paid and FAILED")

    def test_I14_an_event_taken_in_as_nobody_said_it(self):
        self.edit("order", self.id_of("PaymentProcessed", "ORD-1"), amount="1.00")
        self.objects("I14", "as nobody said it")

    def test_I15_a_message_that_is_still_held(self):
        self.sql("payment", "INSERT INTO deferred VALUES (NULL, 'e', 't', 's', 2, 1, 1, 1, 1, 'rejected', '', NULL, x'00')")
        self.objects("I15", "still holds")

    def test_I15_a_discard_without_audit(self):
        self.sql("order", "DELETE FROM parked_audit")
        self.objects("I15", "audit")

    def test_I16_an_order_that_is_gone_again(self):
        self.run_.ledger.append(dict(self.run_.ledger[-2], op="read", order="ORD-1", status=404, version=None, state=None))
        self.objects("I16", "404")

    def test_I16_a_version_that_goes_back(self):
        read = next(line for line in self.run_.ledger if line["op"] == "read")
        self.run_.ledger.append(dict(read, t0=9, t1=10, version=1, state="CREATED"))
        self.objects("I16", "version 1 after 5")

    def test_I17_a_customer_who_was_never_told(self):
        self.sql("notification", "DELETE FROM notification WHERE type = 'ORDER_CANCELLATION'")
        self.objects("I17", "never got ORDER_CANCELLATION")

    def test_I17_a_letter_that_is_still_there(self):
        self.sql("notification", "UPDATE notification SET status = 'PENDING' WHERE order_id = 'ORD-1'")
        self.objects("I17", "still PENDING")

    def test_I18_memory_over_its_cap(self):
        self.run_.samples[0]["rss_kib"] = 11
        self.objects("I18", "rss_kib 11 over 10")

    def test_I18_a_503_without_retry_after(self):
        self.run_.ledger[1].update(status=503, retry_after=None)
        self.objects("I18", "Retry-After")

    def test_I19_a_death_that_nobody_planned(self):
        self.run_.deaths[0].update(planned=False, code=-11)
        self.objects("I19", "-11")

    def test_I19_a_report_of_a_sanitizer(self):
        self.run_.logs["payment"] = b"==1==ERROR: AddressSanitizer: heap-use-after-free\n"
        self.objects("I19", "AddressSanitizer")

    def test_I19_a_queue_that_is_not_empty(self):
        self.run_.faults[0]["left"] = 3
        self.objects("I19", "3 messages are left")

    def test_I20_a_token_in_a_log(self):
        self.run_.logs["order"] += b"msg=charged token=card-123\n"
        self.objects("I20", "card-")

    def test_I20_an_address_on_a_page(self):
        self.run_.pages[0]["text"] += "x@secret.example"
        self.objects("I20", "/metrics")


class KillPoints(unittest.TestCase):
    def test_each_kill_point_of_the_sources_is_known_to_the_faults(self):
        known = (ROOT / "tests/chaos/faults.py").read_text(encoding="utf-8")
        names = {name for folder in ("common", "services") for file in (ROOT / folder).rglob("*.c")
                 for name in re.findall(r'TERN_CHAOS_POINT\("([^"]+)"\)', file.read_text(encoding="utf-8"))}
        self.assertTrue(names, "the sources have kill points")
        self.assertEqual([name for name in sorted(names) if f'"{name}"' not in known], [])


class Sentences(unittest.TextTestResult):
    """One line per case, as cmocka writes them: scripts/test.sh counts those."""

    def name(self, test):
        return test.id().split(".")[-1].removeprefix("test_").replace("_", " ")

    def addSuccess(self, test):
        super().addSuccess(test)
        print(f"[       OK ] {self.name(test)}", flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        print(f"[  FAILED  ] {self.name(test)}", flush=True)

    def addError(self, test, err):
        super().addError(test, err)
        print(f"[  FAILED  ] {self.name(test)}", flush=True)


if __name__ == "__main__":
    unittest.main(testRunner=unittest.TextTestRunner(resultclass=Sentences, verbosity=0))
