-- Which store this is, for ever: the broker's queue carries it, so that no other store works on that queue unnoticed. A copy
-- of the store has the same: what is restored from a backup goes on as the store that it was.
CREATE TABLE store_identity (
    id   INTEGER PRIMARY KEY CHECK (id = 1),                       -- there is one row, made at the first start
    uuid TEXT NOT NULL                                             -- a random one
) STRICT;
