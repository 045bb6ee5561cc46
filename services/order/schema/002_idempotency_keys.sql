-- The first answer to each request that came with an Idempotency-Key, in the transaction of what it did.
CREATE TABLE idempotency_keys (
    position    INTEGER NOT NULL PRIMARY KEY,  -- order of arrival: the oldest are forgotten first
    operation   TEXT    NOT NULL,              -- "POST /orders": a key belongs to one operation
    key         TEXT    NOT NULL,              -- as sent, without quotes
    fingerprint BLOB    NOT NULL,              -- SHA-256 of the canonical request: the same key must mean the same
    status      INTEGER NOT NULL,              -- of the answer
    headers     TEXT    NOT NULL,              -- of the answer, "Name: value" lines
    body        TEXT    NOT NULL,              -- of the answer, byte for byte
    kept_at_ms  INTEGER NOT NULL,              -- UTC milliseconds
    UNIQUE (operation, key)
) STRICT;
