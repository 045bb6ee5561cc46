-- The keys of every service are in one table of the core schema (idempotent_answers); those that are known stay known.
INSERT INTO idempotent_answers (operation, key, fingerprint, status, headers, body, kept_online_ms)
    SELECT operation, key, fingerprint, status, headers, body, kept_online_ms FROM idempotency_keys ORDER BY position;
DROP TABLE idempotency_keys;
