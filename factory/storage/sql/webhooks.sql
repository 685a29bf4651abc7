-- name: take_webhook
-- A delivery, once. What says nothing here is over at once.
INSERT INTO webhook_deliveries (id, event, action, repo, number, handled_at)
VALUES (%(id)s, %(event)s, %(action)s, %(repo)s, %(number)s, CASE WHEN %(repo)s = '' THEN clock_timestamp() END)
ON CONFLICT (id) DO NOTHING RETURNING id;

-- name: open_webhooks
-- What nobody has looked at yet, oldest first.
SELECT id, event, action, repo, number FROM webhook_deliveries WHERE handled_at IS NULL ORDER BY received_at, id LIMIT %(count)s;

-- name: handle_webhooks
UPDATE webhook_deliveries SET handled_at = clock_timestamp() WHERE id = ANY(%(ids)s) AND handled_at IS NULL;

-- name: forget_webhooks
-- GitHub lets a delivery be sent again for three days.
DELETE FROM webhook_deliveries WHERE handled_at < clock_timestamp() - interval '7 days';
