-- What GitHub told by itself: each delivery once, whenever and however often it comes.
CREATE TABLE webhook_deliveries (
    id          text PRIMARY KEY,
    event       text NOT NULL,
    action      text NOT NULL DEFAULT '',
    repo        text NOT NULL DEFAULT '',
    number      integer,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    handled_at  timestamptz
);
CREATE INDEX webhook_deliveries_open ON webhook_deliveries (received_at) WHERE handled_at IS NULL;
