-- How to reach the customer of an order, as the order said.
CREATE TABLE contact (
    order_id TEXT NOT NULL PRIMARY KEY,
    email    TEXT NOT NULL,
    phone    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Every message that went out, or is to go out. The dedup key is what keeps a customer from getting one twice,
-- whatever the inbox has forgotten. (Checks with OR: a list of three words or more costs SQLite a temporary index for
-- each row that is written.)
CREATE TABLE notification (
    id         INTEGER PRIMARY KEY,
    dedup_key  TEXT    NOT NULL UNIQUE,
    type       TEXT    NOT NULL,                      -- ORDER_CONFIRMATION, ...
    order_id   TEXT    NOT NULL,
    product_id TEXT,                                  -- when it is about a product
    status     TEXT    NOT NULL CHECK (status = 'WAITING' OR status = 'PENDING' OR status = 'SENT' OR
                                         status = 'FAILED'), -- WAITING: for the order's contact
    recipient  TEXT    CHECK (status = 'WAITING' OR recipient IS NOT NULL),
    methods    TEXT    NOT NULL,                      -- words: EMAIL SMS
    sent       TEXT    NOT NULL,                      -- the methods that succeeded so far
    failed     TEXT    NOT NULL,                      -- the methods that were given up
    title      TEXT    NOT NULL,
    text       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,                      -- UTC milliseconds
    settled_at INTEGER                                -- when the last of its methods succeeded or was given up
) STRICT;
CREATE INDEX notification_order ON notification (order_id);
