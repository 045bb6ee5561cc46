-- The stock. The CHECKs are the law: nothing is ever sold that is not there.
CREATE TABLE product (
    product_id TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    quantity   INTEGER NOT NULL CHECK (quantity >= 0),  -- free to promise
    reserved   INTEGER NOT NULL CHECK (reserved >= 0),  -- promised to an order, not shipped
    updated_at INTEGER NOT NULL                         -- UTC milliseconds
) STRICT, WITHOUT ROWID;

-- What each order holds, or why it holds nothing: one row per order, for ever. The primary key is what keeps an
-- order from taking stock twice, whatever the inbox has forgotten.
CREATE TABLE reservation (
    order_id   TEXT    NOT NULL PRIMARY KEY,
    state      TEXT    NOT NULL CHECK (state = 'PLACED' OR state = 'PAID' OR state = 'RESERVED' OR
                                       state = 'OUT_OF_STOCK' OR state = 'RELEASED'),
    held       INTEGER NOT NULL CHECK (held IN (0, 1) AND (held = 1 OR state <> 'RESERVED')), -- the items were taken from stock (RELEASED: and put back)
    items      TEXT    NOT NULL,                        -- JSON [{productId, quantity}], a product once; [] while unknown
    updated_at INTEGER NOT NULL                         -- UTC milliseconds
) STRICT, WITHOUT ROWID;
