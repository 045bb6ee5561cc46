-- Orders are listed newest first, all of them or those of a customer, a status or a product. Each list is an index in
-- its order, so that a page of a million orders costs what a page of a hundred costs.
CREATE INDEX orders_by_time     ON orders (created_at_ms, order_id);
CREATE INDEX orders_by_customer ON orders (customer_id, created_at_ms, order_id);
CREATE INDEX orders_by_status   ON orders (status, created_at_ms, order_id);
-- Which orders hold a product: written with the order, never changed.
CREATE TABLE order_products (
    ordered_id   TEXT    NOT NULL,  -- the product
    placed_at_ms INTEGER NOT NULL,  -- created_at_ms of the order
    order_id     TEXT    NOT NULL,
    PRIMARY KEY (ordered_id, placed_at_ms, order_id)
) STRICT, WITHOUT ROWID;
INSERT INTO order_products (ordered_id, placed_at_ms, order_id)
    SELECT DISTINCT json_extract(line.value, '$.productId'), orders.created_at_ms, orders.order_id
    FROM orders, json_each(orders.details, '$.items') AS line;
