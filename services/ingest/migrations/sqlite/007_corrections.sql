-- +goose Up

-- What speaks against an activity, 0: nothing. Of what people, rules and the scanner rules
-- say each has four bits, in this order; the first that is not 0 is why the activity counts
-- as if it had never happened.
ALTER TABLE activities ADD COLUMN mark INTEGER NOT NULL DEFAULT 0;

-- What people said of activities afterwards.
CREATE TABLE corrections (
    id            TEXT    NOT NULL PRIMARY KEY,
    created_at    INTEGER NOT NULL,
    actor         TEXT    NOT NULL,
    kind          INTEGER NOT NULL,                -- see ActivityFact.Correction
    reason        TEXT    NOT NULL,
    selection     BLOB,                            -- JSON; null: the activities are listed
    state         INTEGER NOT NULL,                -- 1 running, 2 done, 3 revoking, 4 revoked
    at_source     TEXT    NOT NULL DEFAULT '',     -- running and revoking went up to here
    at_id         TEXT    NOT NULL DEFAULT '',
    corrected     INTEGER NOT NULL DEFAULT 0,
    leads         INTEGER NOT NULL DEFAULT 0,
    revoked_at    INTEGER NOT NULL DEFAULT 0,
    revoke_actor  TEXT    NOT NULL DEFAULT '',
    revoke_reason TEXT    NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX corrections_by_creation ON corrections (created_at, id);
CREATE INDEX corrections_at_work ON corrections (id) WHERE state IN (1, 3);

-- Which activities they are about: append-only. Of what is listed, also what is still to
-- arrive.
CREATE TABLE corrected_activities (
    source        TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    correction_id TEXT    NOT NULL,
    lead_id       TEXT    NOT NULL,                -- that it arrived with; empty: not yet
    PRIMARY KEY (source, id, correction_id)
) WITHOUT ROWID;
CREATE INDEX corrected_activities_of ON corrected_activities (correction_id, source, id);
CREATE INDEX corrected_activities_by_lead ON corrected_activities (lead_id, source, id);

-- Rules for what arrives: one row, once anybody changed them.
CREATE TABLE traffic_rules (
    id            TEXT    NOT NULL PRIMARY KEY,    -- rules
    version       INTEGER NOT NULL,
    value         BLOB    NOT NULL                 -- JSON
) WITHOUT ROWID;
