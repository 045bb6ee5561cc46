-- Products as inventory last told about them (InventoryUpdated): a read model, never asked when an order is placed.
CREATE TABLE products (
    product_id    TEXT    NOT NULL PRIMARY KEY,
    name          TEXT    NOT NULL,
    quantity      INTEGER NOT NULL CHECK (quantity >= 0), -- free to promise
    updated_at_ms INTEGER NOT NULL,                       -- inventory's clock, UTC milliseconds
    event_id      TEXT    NOT NULL                        -- which event told it: the later one wins at the same time
) STRICT;
