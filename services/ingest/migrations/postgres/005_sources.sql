-- +goose Up

-- Where facts come from. They are few, and never deleted: activities name them.
CREATE TABLE sources (
    id         TEXT NOT NULL PRIMARY KEY,
    revision   BIGINT NOT NULL, -- raised by every change: the etag
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    content    BYTEA NOT NULL, -- assay.ingest.v1.Source: the rest
    secret     BYTEA -- what its webhook is verified with, sealed
);
