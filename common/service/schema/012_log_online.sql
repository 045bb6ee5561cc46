-- Each row of the log has the time that the service had spent online when it was written (online_time): that tells what
-- is recent enough to be published again, and no clock that is set makes a row older or younger.
ALTER TABLE event_log ADD COLUMN online_ms INTEGER NOT NULL DEFAULT 0;
-- An older row is given the age that it had by the wall clock, counted back from the newest row and without the jumps
-- that were noted: what could be published again before can be after. Where the clock was set back while the service was
-- down, a row counts as at least as old as every later one. May be negative.
UPDATE event_log SET online_ms = aged.online_ms
  FROM (SELECT seq, (SELECT total_ms FROM online_time) - first_value(clock_ms) OVER back + min(clock_ms) OVER back
                    AS online_ms
          FROM (SELECT seq, logged_at_ms - coalesce((SELECT sum(by_ms) FROM clock_jump WHERE after_seq < seq), 0)
                            AS clock_ms
                  FROM event_log)
        WINDOW back AS (ORDER BY seq DESC)) AS aged
 WHERE event_log.seq = aged.seq;
DROP TABLE clock_jump;
