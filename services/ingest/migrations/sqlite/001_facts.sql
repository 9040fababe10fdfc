-- +goose Up

-- Who a lead is. Rows change rarely: when attributes, identities or the lead source do.
CREATE TABLE leads (
    id                TEXT    NOT NULL PRIMARY KEY,
    canonical_id      TEXT    NOT NULL,            -- the person's lead: itself until it is merged
    created_at        INTEGER NOT NULL,            -- times are microseconds since 1970 UTC
    revision          INTEGER NOT NULL,            -- raised when identities or the lead source change
    rewritten_version INTEGER NOT NULL DEFAULT 0,  -- facts version since which the history is another (a merge)
    attributes        BLOB    NOT NULL,            -- the current values: one JSON object
    attribute_places  BLOB    NOT NULL,            -- where they stand in time: {"key": [time, source, id]}
    lead_source       BLOB                         -- JSON; set once
) WITHOUT ROWID;
CREATE INDEX leads_by_person ON leads (canonical_id);
CREATE INDEX leads_by_creation ON leads (created_at, id);

-- Ways to recognise a person. A row is never pointed to another lead.
CREATE TABLE identities (
    kind         INTEGER NOT NULL,                 -- in the order of strength, see Identity.Kind
    value        TEXT    NOT NULL,
    lead_id      TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    effective_at INTEGER NOT NULL,
    received_at  INTEGER NOT NULL,
    PRIMARY KEY (kind, value)
) WITHOUT ROWID;
CREATE INDEX identities_by_lead ON identities (lead_id);

-- The history of attributes: append-only.
CREATE TABLE attributes (
    lead_id       TEXT    NOT NULL,                -- the lead it arrived with, for ever
    key           TEXT    NOT NULL,
    effective_at  INTEGER NOT NULL,
    source        TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    facts_version INTEGER NOT NULL,                -- of the person's lead, with which it came
    received_at   INTEGER NOT NULL,
    value         BLOB    NOT NULL,                -- JSON; null removes
    PRIMARY KEY (lead_id, key, effective_at, source, id)
) WITHOUT ROWID;
CREATE INDEX attributes_by_version ON attributes (lead_id, facts_version);

-- What leads did: append-only, one row for each (source, id) for ever.
CREATE TABLE activities (
    source        TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    lead_id       TEXT    NOT NULL,                -- the lead it arrived with, for ever
    facts_version INTEGER NOT NULL,                -- of the person's lead, with which it came
    type          TEXT    NOT NULL,
    occurred_at   INTEGER NOT NULL,
    received_at   INTEGER NOT NULL,
    clamped       INTEGER NOT NULL,                -- 1: the sender's time was out of range
    campaign      TEXT    NOT NULL,
    properties    BLOB,                            -- one JSON object
    digest        BLOB    NOT NULL,                -- of what the sender said
    PRIMARY KEY (source, id)
);
-- The one index by lead: a second one, by time, would cost a quarter of the rate of
-- capturing. The timeline finds its page among the times in this one.
CREATE INDEX activities_by_lead ON activities (lead_id, facts_version, occurred_at);

-- The facts version of each lead and its place in the queue of those to decide. One
-- upsert a lead and transaction raises the first and takes care of the second.
CREATE TABLE pending (
    lead_id          TEXT    NOT NULL PRIMARY KEY, -- the person's lead
    facts_version    INTEGER NOT NULL,
    decided_version  INTEGER NOT NULL,             -- the last one with a decision
    updated_at       INTEGER NOT NULL,
    latest_effective INTEGER NOT NULL,             -- latest effective time of any fact
    state            INTEGER NOT NULL,             -- 0 idle, 1 waiting, 2 leased, 3 quarantined
    queued_at        INTEGER NOT NULL,             -- oldest capture that waits
    serving          TEXT    NOT NULL,             -- captures that the claim serves: accepted, took, facts, bytes, kind, traces
    newer            TEXT    NOT NULL,             -- captures since the claim
    claimed_version  INTEGER NOT NULL,
    as_of            INTEGER NOT NULL,             -- fixed by the first claim of claimed_version
    attempts         INTEGER NOT NULL,
    fence            INTEGER NOT NULL,
    lease_until      INTEGER NOT NULL,
    last_error       TEXT    NOT NULL,
    decision         BLOB                          -- digest of the decision, for captures that wait
) WITHOUT ROWID;
CREATE INDEX pending_waiting ON pending (queued_at, lead_id) WHERE state = 1;
CREATE INDEX pending_leased ON pending (lease_until, lead_id) WHERE state = 2;
CREATE INDEX pending_quarantined ON pending (lead_id) WHERE state = 3;

-- Replies of calls with a request id, kept for a day.
CREATE TABLE requests (
    id          TEXT    NOT NULL PRIMARY KEY,
    digest      BLOB    NOT NULL,                  -- of the body
    received_at INTEGER NOT NULL,
    reply       BLOB    NOT NULL
);
CREATE INDEX requests_by_age ON requests (received_at);
