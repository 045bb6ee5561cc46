-- Figures of GET /stats: a projection of the event log with a position of its own (services/order/order_stats.h).
-- Orders by the day on which they were placed, in the status that they have now.
CREATE TABLE order_stats (
    day         TEXT    NOT NULL,                       -- YYYY-MM-DD, UTC
    currency    TEXT    NOT NULL,                       -- ISO 4217
    status      TEXT    NOT NULL,
    orders      INTEGER NOT NULL CHECK (orders >= 0),
    value_minor INTEGER NOT NULL CHECK (value_minor >= 0), -- of all these orders, in minor units; stops at the largest number
    PRIMARY KEY (day, currency, status)
) STRICT, WITHOUT ROWID;
-- Money by the day on which it moved.
CREATE TABLE money_stats (
    day            TEXT    NOT NULL,                          -- YYYY-MM-DD, UTC
    currency       TEXT    NOT NULL,                          -- ISO 4217
    captured_minor INTEGER NOT NULL CHECK (captured_minor >= 0), -- minor units, like the next
    refunded_minor INTEGER NOT NULL CHECK (refunded_minor >= 0),
    PRIMARY KEY (day, currency)
) STRICT, WITHOUT ROWID;
