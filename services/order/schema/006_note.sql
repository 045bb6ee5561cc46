-- The customer's own words about a cancel, as OrderCancelled carries them.
ALTER TABLE orders ADD COLUMN note TEXT;
