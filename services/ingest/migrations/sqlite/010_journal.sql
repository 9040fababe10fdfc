-- +goose Up

-- Calls whose captures are acknowledged and not stored yet. A row goes with the
-- transaction that stores them.
CREATE TABLE journal (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    process     TEXT   NOT NULL, -- which one acknowledged it, and stores it unless it ended
    received_at INTEGER NOT NULL,
    captures    INTEGER NOT NULL, -- how many
    browser     INTEGER NOT NULL, -- 1: with the key of a browser
    trusted     INTEGER NOT NULL, -- 1: by another service
    trace       TEXT   NOT NULL,
    content     BLOB   NOT NULL  -- assay.ingest.v1.BatchCaptureLeadsRequest
);
