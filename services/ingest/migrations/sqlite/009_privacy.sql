-- +goose Up

-- Who must not be handed off, or not be captured at all. Whom an entry is of is not here:
-- the hash is keyed, and the key is not in the database.
CREATE TABLE suppressions (
    id         TEXT    NOT NULL PRIMARY KEY,
    kind       INTEGER NOT NULL,              -- of the identity; 100: of a domain of addresses
    hash       BLOB    NOT NULL,
    mode       INTEGER NOT NULL,              -- see Suppression.Mode
    reason     TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,              -- times are microseconds since 1970 UTC
    state      INTEGER NOT NULL,              -- 0 stands; told to the leads that are there: 1 to be, 2 to be, and then removed
    revision   INTEGER NOT NULL,              -- raised by every change
    UNIQUE (kind, hash)
);
CREATE INDEX suppressions_by_time ON suppressions (created_at, id);
CREATE INDEX suppressions_to_tell ON suppressions (id) WHERE state <> 0;

-- One row, raised by every change of the list, and by every erasure: other processes
-- look whether what they keep in memory is still true.
CREATE TABLE privacy_head (
    head_id           INTEGER NOT NULL PRIMARY KEY,
    suppressions      INTEGER NOT NULL,
    erasures          INTEGER NOT NULL,
    key_check         BLOB    NOT NULL        -- a hash that tells whether the key is the list's; empty: none was used
);
INSERT INTO privacy_head (head_id, suppressions, erasures, key_check) VALUES (1, 0, 0, X'');

-- What people said of being written to or called: a ledger that only grows.
CREATE TABLE permissions (
    id           TEXT    NOT NULL PRIMARY KEY,
    lead_id      TEXT    NOT NULL,            -- the lead that it was said of, for ever
    channel      TEXT    NOT NULL,
    purpose      TEXT    NOT NULL,
    state        INTEGER NOT NULL,            -- see PermissionRecord.State
    basis        TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    text_version TEXT    NOT NULL,            -- of the text that the person saw
    address_hash BLOB,                        -- keyed, of where it was said from
    effective_at INTEGER NOT NULL,
    received_at  INTEGER NOT NULL,
    actor        TEXT    NOT NULL,
    token_hash   BLOB,                        -- SHA-256 of what confirms it
    confirms     TEXT    NOT NULL             -- the id of the record that this one confirms; '' if none
);
CREATE INDEX permissions_by_lead ON permissions (lead_id, received_at, id);
CREATE UNIQUE INDEX permissions_by_token ON permissions (token_hash) WHERE token_hash IS NOT NULL;
