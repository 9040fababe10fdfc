-- +goose Up

-- What was sent and refused, for thirty days. The payload is what was sent, as text: it
-- holds personal data, and erasure looks into it.
CREATE TABLE rejected_events (
    id          TEXT    NOT NULL PRIMARY KEY,
    source      TEXT    NOT NULL,
    door        TEXT    NOT NULL,
    received_at BIGINT  NOT NULL,
    event_id    TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    field       TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    payload     TEXT    NOT NULL
);
CREATE INDEX rejected_events_by_time ON rejected_events (received_at, id);
