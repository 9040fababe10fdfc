-- +goose Up

-- Where events are sent. What signs or logs in is sealed.
CREATE TABLE destinations (
    destination_id TEXT    NOT NULL PRIMARY KEY,
    state          INTEGER NOT NULL, -- assay.handoff.v1.Destination.State
    state_reason   TEXT    NOT NULL,
    event_types    TEXT    NOT NULL, -- patterns, with blanks between them
    tracks         TEXT    NOT NULL, -- with blanks between them; '': all
    body           BLOB   NOT NULL, -- assay.handoff.v1.Destination without its secrets
    secrets        BLOB   NOT NULL, -- sealed
    revision       INTEGER NOT NULL, -- raised by every change by a person: the etag
    create_time    INTEGER NOT NULL,
    update_time    INTEGER NOT NULL,
    not_before     INTEGER NOT NULL DEFAULT 0, -- nothing is sent before: it asked to wait, or has its pace
    success_time   INTEGER NOT NULL DEFAULT 0  -- when it last took something
);

-- Events on their way: one row for each event and destination, written in the transaction
-- of what the event tells of. The rows are due work.
CREATE TABLE deliveries (
    delivery_id    TEXT    NOT NULL PRIMARY KEY, -- the key that receivers see; never changes
    destination_id TEXT    NOT NULL,
    event_id       TEXT    NOT NULL,
    event_type     TEXT    NOT NULL,
    event_time     INTEGER NOT NULL,
    lead_id        TEXT    NOT NULL, -- '' if it is about none
    handoff_id     TEXT    NOT NULL, -- '' if it is about none
    data           BLOB   NOT NULL, -- of the event, one JSON object
    traceparent    TEXT    NOT NULL,
    sample         INTEGER NOT NULL DEFAULT 0, -- 1: somebody tries the destination out
    first_time     INTEGER NOT NULL, -- since when it is tried: the event's, or that of a replay
    body           BLOB,           -- what is sent; from the first attempt on
    open_attempts  INTEGER NOT NULL DEFAULT 0, -- begun, and nobody knows whether they arrived
    http_status    INTEGER NOT NULL DEFAULT 0,
    remote_id      TEXT    NOT NULL DEFAULT '', -- what the destination calls it
    deliver_time   INTEGER NOT NULL DEFAULT 0,
    due_time       INTEGER NOT NULL,
    lease_until    INTEGER NOT NULL DEFAULT 0,
    fence          INTEGER NOT NULL DEFAULT 0,
    attempts       INTEGER NOT NULL DEFAULT 0,
    last_error     TEXT    NOT NULL DEFAULT '',
    state          INTEGER NOT NULL DEFAULT 0, -- 0 waiting, 1 dead, 2 delivered, 3 cancelled
    UNIQUE (event_id, destination_id)
);
CREATE INDEX deliveries_by_due_time ON deliveries (destination_id, state, due_time);
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE lease_until > 0;
CREATE INDEX deliveries_by_time ON deliveries (event_time, delivery_id);
CREATE INDEX deliveries_by_lead ON deliveries (lead_id, event_time);
CREATE INDEX deliveries_by_handoff ON deliveries (handoff_id, event_time);

-- What came of each attempt.
CREATE TABLE delivery_attempts (
    delivery_id TEXT    NOT NULL,
    fence       INTEGER NOT NULL, -- of the lease in which it was made
    start_time  INTEGER NOT NULL,
    duration    INTEGER NOT NULL, -- µs
    http_status INTEGER NOT NULL,
    result      TEXT    NOT NULL,
    error       TEXT    NOT NULL,
    PRIMARY KEY (delivery_id, fence)
);

-- Handoffs that go to some destinations only, as their standard says.
CREATE TABLE handoff_destinations (
    handoff_id   TEXT    NOT NULL PRIMARY KEY,
    destinations TEXT    NOT NULL -- ids with blanks between them
);

-- What sales is given with a handoff, as it was when it was first sent.
CREATE TABLE handoff_packets (
    handoff_id  TEXT    NOT NULL PRIMARY KEY,
    lead_id     TEXT    NOT NULL,
    packet      BLOB   NOT NULL, -- assay.handoff.v1.HandoffPacket
    create_time INTEGER NOT NULL
);
CREATE INDEX handoff_packets_by_lead ON handoff_packets (lead_id);

-- Links in messages that were followed.
CREATE TABLE followed_links (
    link_hash   TEXT    NOT NULL PRIMARY KEY,
    handoff_id  TEXT    NOT NULL,
    action      TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    follow_time INTEGER NOT NULL
);
