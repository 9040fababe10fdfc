-- +goose Up

-- Who must not be handed off, or not be captured at all. Whom an entry is of is not here:
-- the hash is keyed, and the key is not in the database.
CREATE TABLE suppressions (
    id         TEXT    NOT NULL PRIMARY KEY,
    kind       BIGINT  NOT NULL,              -- of the identity; 100: of a domain of addresses
    hash       BYTEA   NOT NULL,
    mode       BIGINT  NOT NULL,              -- see Suppression.Mode
    reason     TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    created_at BIGINT  NOT NULL,              -- times are microseconds since 1970 UTC
    state      BIGINT  NOT NULL,              -- 0 stands; told to the leads that are there: 1 to be, 2 to be, and then removed
    revision   BIGINT  NOT NULL,              -- raised by every change
    UNIQUE (kind, hash)
);
CREATE INDEX suppressions_by_time ON suppressions (created_at, id);
CREATE INDEX suppressions_to_tell ON suppressions (id) WHERE state <> 0;

-- One row, raised by every change of the list, and by every erasure: other processes
-- look whether what they keep in memory is still true.
CREATE TABLE privacy_head (
    head_id           BIGINT  NOT NULL PRIMARY KEY,
    suppressions      BIGINT  NOT NULL,
    erasures          BIGINT  NOT NULL,
    key_check         BYTEA   NOT NULL        -- a hash that tells whether the key is the list's; empty: none was used
);
INSERT INTO privacy_head (head_id, suppressions, erasures, key_check) VALUES (1, 0, 0, '');

-- What people said of being written to or called: a ledger that only grows.
CREATE TABLE permissions (
    id           TEXT    NOT NULL PRIMARY KEY,
    lead_id      TEXT    NOT NULL,            -- the lead that it was said of, for ever
    channel      TEXT    NOT NULL,
    purpose      TEXT    NOT NULL,
    state        BIGINT  NOT NULL,            -- see PermissionRecord.State
    basis        TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    text_version TEXT    NOT NULL,            -- of the text that the person saw
    address_hash BYTEA,                        -- keyed, of where it was said from
    effective_at BIGINT  NOT NULL,
    received_at  BIGINT  NOT NULL,
    actor        TEXT    NOT NULL,
    token_hash   BYTEA,                        -- SHA-256 of what confirms it
    confirms     TEXT    NOT NULL             -- the id of the record that this one confirms; '' if none
);
CREATE INDEX permissions_by_lead ON permissions (lead_id, received_at, id);
CREATE UNIQUE INDEX permissions_by_token ON permissions (token_hash) WHERE token_hash IS NOT NULL;

-- The planner's statistics keep samples of what is in a column, also of what was deleted
-- since. Of personal columns it takes none: our statements do not need them.
ALTER TABLE identities ALTER COLUMN value SET STATISTICS 0;
ALTER TABLE attributes ALTER COLUMN value SET STATISTICS 0, ALTER COLUMN id SET STATISTICS 0;
ALTER TABLE activities ALTER COLUMN id SET STATISTICS 0, ALTER COLUMN campaign SET STATISTICS 0,
    ALTER COLUMN properties SET STATISTICS 0;
ALTER TABLE leads ALTER COLUMN attributes SET STATISTICS 0, ALTER COLUMN attribute_places SET STATISTICS 0,
    ALTER COLUMN lead_source SET STATISTICS 0;
ALTER TABLE pending ALTER COLUMN decision SET STATISTICS 0, ALTER COLUMN last_error SET STATISTICS 0;
ALTER TABLE requests ALTER COLUMN id SET STATISTICS 0, ALTER COLUMN reply SET STATISTICS 0;
