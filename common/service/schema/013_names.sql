-- The tables are called what docs/GLOSSARY.md calls their rows.
ALTER TABLE held RENAME TO deferred;
DROP INDEX held_subject;
DROP INDEX held_due;
CREATE INDEX deferred_subject ON deferred (subject, position) WHERE subject IS NOT NULL;
CREATE INDEX deferred_due ON deferred (next_try_ms) WHERE state = 0;
ALTER TABLE outbox_mark RENAME TO outbox_position;
ALTER TABLE outbox_position RENAME COLUMN mark TO confirmed_through;
ALTER TABLE outbox_held RENAME TO outbox_returned;
ALTER TABLE outbox_again RENAME TO republish_request;
ALTER TABLE republish RENAME TO republish_range;
ALTER TABLE queue_noted RENAME TO queue_marker;
ALTER TABLE number_heard RENAME TO number_received;
ALTER TABLE number_received RENAME COLUMN told TO reported_through;
