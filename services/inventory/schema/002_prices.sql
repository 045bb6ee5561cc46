-- What a unit costs, when it is known: both columns, or none.
ALTER TABLE product ADD COLUMN price_minor INTEGER CHECK (price_minor > 0); -- in minor units (cents)
ALTER TABLE product ADD COLUMN currency TEXT CHECK ((currency IS NULL) = (price_minor IS NULL)); -- ISO 4217
