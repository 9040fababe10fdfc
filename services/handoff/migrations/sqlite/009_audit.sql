-- +goose Up

-- Every change that a person or a machine with a key made. Written once, chained by
-- hashes, never changed.
CREATE TABLE audit_entries (
    entry_number INTEGER NOT NULL PRIMARY KEY, -- 1, 2, … without gaps
    create_time  INTEGER NOT NULL,
    actor        TEXT    NOT NULL,
    role         INTEGER NOT NULL, -- assay.type.v1.Role
    method       TEXT    NOT NULL,
    resource     TEXT    NOT NULL,
    fields       TEXT    NOT NULL, -- paths as a JSON list, never values
    request_id   TEXT    NOT NULL,
    trace_id     TEXT    NOT NULL,
    hash         BLOB    NOT NULL -- SHA-256 over the hash before and this entry
);
CREATE INDEX audit_entries_by_actor ON audit_entries (actor, entry_number);
CREATE INDEX audit_entries_by_method ON audit_entries (method, entry_number);
CREATE INDEX audit_entries_by_resource ON audit_entries (resource, entry_number);

-- The latest entry: one row, locked by whoever writes the next.
CREATE TABLE audit_head (
    head_id      INTEGER NOT NULL PRIMARY KEY,
    entry_number INTEGER NOT NULL,
    hash         BLOB    NOT NULL
);
INSERT INTO audit_head (head_id, entry_number, hash) VALUES (1, 0, X'');

-- +goose StatementBegin
CREATE TRIGGER audit_entries_stay BEFORE UPDATE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_entries_remain BEFORE DELETE ON audit_entries
BEGIN SELECT RAISE(ABORT, 'audit entries are never removed'); END;
-- +goose StatementEnd
