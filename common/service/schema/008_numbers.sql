-- Each own event has a number among those of its type, 1..n without gaps: so a receiver knows what it should have got.
-- It stands last in the row, where a table grows; a type and a range of numbers are found by the index.
ALTER TABLE event_log ADD COLUMN number INTEGER CHECK (number > 0);  -- NULL: a foreign event, taken in
UPDATE event_log SET number = counted.number
  FROM (SELECT seq, row_number() OVER (PARTITION BY type ORDER BY seq) AS number FROM event_log WHERE origin = 1) AS counted
 WHERE event_log.seq = counted.seq;
CREATE UNIQUE INDEX event_log_numbered ON event_log (type, number) WHERE number IS NOT NULL;
