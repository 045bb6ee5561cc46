-- Letters are listed newest first: all of them, those of an order, of a customer, or those that could not be sent.
ALTER TABLE notification ADD COLUMN customer_id TEXT;  -- NULL: to the administrator, or written before this step
CREATE INDEX notification_customer ON notification (customer_id, id) WHERE customer_id IS NOT NULL;
CREATE INDEX notification_failed ON notification (id) WHERE status = 'FAILED';
