-- A key is kept for a time that the service has spent with its broker: no clock that is set forward makes it forget one.
ALTER TABLE idempotency_keys RENAME COLUMN kept_at_ms TO kept_online_ms;
UPDATE idempotency_keys SET kept_online_ms = (SELECT total_ms FROM online_time);
