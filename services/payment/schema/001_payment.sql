-- What this service knows of the money of each order: one row per order, for ever. The primary key is what keeps
-- an order from being charged twice, whatever the inbox has forgotten. (Checks with OR: a list of three words or more costs
-- SQLite a temporary index for each row that is written.)
CREATE TABLE payment (
    order_id       TEXT    NOT NULL PRIMARY KEY,
    customer_id    TEXT    NOT NULL,
    amount_minor   INTEGER NOT NULL CHECK (amount_minor >= 0),  -- 0 in a tombstone: nothing is known but the cancel
    currency       TEXT    NOT NULL,
    status         TEXT    NOT NULL CHECK (status = 'PENDING' OR status = 'SUCCESS' OR status = 'FAILED' OR
                                            status = 'ERROR' OR status = 'VOIDED' OR status = 'REFUNDING' OR
                                            status = 'REFUNDED'),
    cancel_wanted  INTEGER NOT NULL CHECK (cancel_wanted IN (0, 1)), -- the order was cancelled while the charge was under way
    transaction_id TEXT    CHECK (transaction_id IS NOT NULL OR
                                 (status <> 'SUCCESS' AND status <> 'REFUNDING' AND status <> 'REFUNDED')),
    refund_id      TEXT    CHECK (status <> 'REFUNDED' OR refund_id IS NOT NULL),
    error          TEXT,                                        -- why it failed, for people
    created_at     INTEGER NOT NULL,                            -- UTC milliseconds
    updated_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
