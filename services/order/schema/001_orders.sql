-- Orders as they stand now: a projection of their streams in the event log, written in the same transaction and
-- rebuildable from them at any time (services/order/order.h). Checks of three words or more are spelled with OR: for a
-- list SQLite builds a temporary index each time a row is written, which costs more than the row.
CREATE TABLE orders (
    order_id       TEXT    NOT NULL PRIMARY KEY,  -- ORD-..., sorts by time
    customer_id    TEXT    NOT NULL,
    correlation_id TEXT    NOT NULL,              -- of the whole conversation
    version        INTEGER NOT NULL CHECK (version >= 1), -- events in the stream so far; the ETag
    status         TEXT    NOT NULL CHECK (status = 'CREATED' OR status = 'PAID' OR
                                            status = 'READY_FOR_SHIPMENT' OR status = 'PAYMENT_FAILED' OR
                                            status = 'INVENTORY_ISSUE' OR status = 'CANCELLING' OR
                                            status = 'CANCELLED'),
    money          TEXT    NOT NULL CHECK (money = 'NONE' OR money = 'TAKEN' OR money = 'SETTLED'),         -- what payment has told
    stock          TEXT    NOT NULL CHECK (stock = 'NONE' OR stock = 'HELD' OR stock = 'OUT'),              -- what inventory has told
    released       INTEGER NOT NULL CHECK (released IN (0, 1)), -- 1: inventory has answered a cancel
    reason         TEXT,                          -- why it was cancelled
    transaction_id TEXT,                          -- of the payment
    product_id     TEXT,                          -- the product that was out of stock
    total_minor    INTEGER NOT NULL CHECK (total_minor >= 0), -- in minor units (cents)
    currency       TEXT    NOT NULL,              -- ISO 4217
    created_at_ms  INTEGER NOT NULL,              -- UTC milliseconds
    updated_at_ms  INTEGER NOT NULL CHECK (updated_at_ms >= created_at_ms), -- of the last event
    details        TEXT    NOT NULL               -- JSON {items, customer?, shippingAddress?}, as it was ordered
) STRICT;
