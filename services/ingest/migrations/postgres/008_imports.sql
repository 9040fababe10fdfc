-- +goose Up

-- Files of leads or activities.
CREATE TABLE imports (
    id         TEXT    NOT NULL PRIMARY KEY,
    created_at BIGINT  NOT NULL,
    ended_at   BIGINT  NOT NULL DEFAULT 0,
    state      BIGINT  NOT NULL,               -- assay.ingest.v1.Import.State; 0 while the file comes in
    about      BYTEA   NOT NULL,               -- assay.ingest.v1.Import: what was said and found of the file
    total      BIGINT  NOT NULL DEFAULT 0,     -- rows of the file
    done       BIGINT  NOT NULL DEFAULT 0,     -- rows that the work is through with
    created    BIGINT  NOT NULL DEFAULT 0,     -- what became of them
    updated    BIGINT  NOT NULL DEFAULT 0,
    unchanged  BIGINT  NOT NULL DEFAULT 0,
    rejected   BIGINT  NOT NULL DEFAULT 0,
    removed    BIGINT  NOT NULL DEFAULT 0,     -- what undoing it did
    restored   BIGINT  NOT NULL DEFAULT 0,
    kept       BIGINT  NOT NULL DEFAULT 0,
    withdrawn  BIGINT  NOT NULL DEFAULT 0,
    error      TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX imports_by_time ON imports (created_at, id);

-- Imports that are tried, run or undone.
CREATE TABLE import_work (
    import_id   TEXT    NOT NULL PRIMARY KEY,
    due_time    BIGINT  NOT NULL,
    lease_until BIGINT  NOT NULL DEFAULT 0,
    fence       BIGINT  NOT NULL DEFAULT 0,
    attempts    BIGINT  NOT NULL DEFAULT 0,
    last_error  TEXT    NOT NULL DEFAULT '',
    state       BIGINT  NOT NULL DEFAULT 0
);

-- Their files, until they ran.
CREATE TABLE import_pieces (
    import_id TEXT    NOT NULL,
    number    BIGINT  NOT NULL,
    piece     BYTEA   NOT NULL,
    PRIMARY KEY (import_id, number)
);

-- Rows that were rejected.
CREATE TABLE import_rejects (
    import_id TEXT    NOT NULL,
    line      BIGINT  NOT NULL,
    reason    TEXT    NOT NULL,
    cells     BYTEA   NOT NULL,                -- a JSON list of texts
    PRIMARY KEY (import_id, line)
);

-- Leads that an import said something new of: with its source and this time of receipt.
CREATE TABLE import_leads (
    import_id      TEXT    NOT NULL,
    lead_id        TEXT    NOT NULL,
    received_at    BIGINT  NOT NULL,
    created        BIGINT  NOT NULL,           -- 1: it made the lead
    sourced        BIGINT  NOT NULL,           -- 1: it said where the lead came from; before it, that was:
    lead_source    BYTEA,
    lead_source_at BIGINT  NOT NULL,
    lead_source_by TEXT    NOT NULL,
    PRIMARY KEY (import_id, lead_id, received_at)
);
CREATE INDEX import_leads_by_lead ON import_leads (lead_id);
