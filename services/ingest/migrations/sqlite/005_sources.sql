-- +goose Up

-- Where facts come from. They are few, and never deleted: activities name them.
CREATE TABLE sources (
    id         TEXT NOT NULL PRIMARY KEY,
    revision   INTEGER NOT NULL, -- raised by every change: the etag
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    content    BLOB NOT NULL, -- assay.ingest.v1.Source: the rest
    secret     BLOB -- what its webhook is verified with, sealed
) WITHOUT ROWID;
