-- +goose Up

-- Calls whose captures are acknowledged and not stored yet. A row goes with the
-- transaction that stores them.
CREATE TABLE journal (
    seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    process     TEXT   NOT NULL, -- which one acknowledged it, and stores it unless it ended
    received_at BIGINT NOT NULL,
    captures    BIGINT NOT NULL, -- how many
    browser     BIGINT NOT NULL, -- 1: with the key of a browser
    trusted     BIGINT NOT NULL, -- 1: by another service
    trace       TEXT   NOT NULL,
    content     BYTEA   NOT NULL  -- assay.ingest.v1.BatchCaptureLeadsRequest
);
