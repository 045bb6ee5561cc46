-- When the wall clock was set by more than a minute: what was written before tells another time than what came after.
CREATE TABLE clock_jump (
    id        INTEGER PRIMARY KEY,                                 -- order of the jumps
    after_seq INTEGER NOT NULL,                                    -- the newest row of event_log at that moment
    by_ms     INTEGER NOT NULL                                     -- forward, or back when negative
) STRICT;
