-- +goose Up

-- Every change that a person or a machine with a key made. Written once, chained by
-- hashes, never changed.
CREATE TABLE audit_entries (
    entry_number BIGINT NOT NULL PRIMARY KEY, -- 1, 2, … without gaps
    create_time  BIGINT NOT NULL,
    actor        TEXT   NOT NULL,
    role         BIGINT NOT NULL, -- assay.type.v1.Role
    method       TEXT   NOT NULL,
    resource     TEXT   NOT NULL,
    fields       TEXT   NOT NULL, -- paths as a JSON list, never values
    request_id   TEXT   NOT NULL,
    trace_id     TEXT   NOT NULL,
    hash         BYTEA  NOT NULL -- SHA-256 over the hash before and this entry
);
CREATE INDEX audit_entries_by_actor ON audit_entries (actor, entry_number);
CREATE INDEX audit_entries_by_method ON audit_entries (method, entry_number);
CREATE INDEX audit_entries_by_resource ON audit_entries (resource, entry_number);

-- The latest entry: one row, locked by whoever writes the next.
CREATE TABLE audit_head (
    head_id      BIGINT NOT NULL PRIMARY KEY,
    entry_number BIGINT NOT NULL,
    hash         BYTEA  NOT NULL
);
INSERT INTO audit_head (head_id, entry_number, hash) VALUES (1, 0, '');

-- +goose StatementBegin
CREATE FUNCTION audit_entries_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit entries are never changed or removed';
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION audit_entries_refuse();
