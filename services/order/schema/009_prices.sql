-- The price of a product, as inventory-service published it last: both columns, or none.
ALTER TABLE products ADD COLUMN price_minor INTEGER CHECK (price_minor > 0); -- in minor units (cents)
ALTER TABLE products ADD COLUMN currency TEXT CHECK ((currency IS NULL) = (price_minor IS NULL)); -- ISO 4217
