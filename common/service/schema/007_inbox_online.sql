-- What was handled is remembered for a time that the service has spent with its broker: no clock that is set makes it forget.
ALTER TABLE inbox RENAME COLUMN handled_at_ms TO handled_online_ms;
UPDATE inbox SET handled_online_ms = (SELECT total_ms FROM online_time);
