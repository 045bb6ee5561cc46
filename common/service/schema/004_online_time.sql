-- How long this service has been connected to the broker in all its runs: what patience is measured with. It never
-- runs ahead; a crash loses what was not saved yet.
CREATE TABLE online_time (
    id       INTEGER PRIMARY KEY CHECK (id = 1),                   -- there is one row
    total_ms INTEGER NOT NULL CHECK (total_ms >= 0)                -- milliseconds with both links up
) STRICT;
INSERT INTO online_time (id, total_ms) VALUES (1, 0);
