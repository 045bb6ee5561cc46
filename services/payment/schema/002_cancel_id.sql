-- Which event wants the money back, the newest if there are several: what is said then was caused by it, and is said again
-- to whoever asks with it.
ALTER TABLE payment ADD COLUMN cancel_id TEXT;
