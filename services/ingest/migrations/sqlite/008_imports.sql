-- +goose Up

-- Files of leads or activities.
CREATE TABLE imports (
    id         TEXT    NOT NULL PRIMARY KEY,
    created_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL DEFAULT 0,
    state      INTEGER NOT NULL,               -- assay.ingest.v1.Import.State; 0 while the file comes in
    about      BLOB    NOT NULL,               -- assay.ingest.v1.Import: what was said and found of the file
    total      INTEGER NOT NULL DEFAULT 0,     -- rows of the file
    done       INTEGER NOT NULL DEFAULT 0,     -- rows that the work is through with
    created    INTEGER NOT NULL DEFAULT 0,     -- what became of them
    updated    INTEGER NOT NULL DEFAULT 0,
    unchanged  INTEGER NOT NULL DEFAULT 0,
    rejected   INTEGER NOT NULL DEFAULT 0,
    removed    INTEGER NOT NULL DEFAULT 0,     -- what undoing it did
    restored   INTEGER NOT NULL DEFAULT 0,
    kept       INTEGER NOT NULL DEFAULT 0,
    withdrawn  INTEGER NOT NULL DEFAULT 0,
    error      TEXT    NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX imports_by_time ON imports (created_at, id);

-- Imports that are tried, run or undone.
CREATE TABLE import_work (
    import_id   TEXT    NOT NULL PRIMARY KEY,
    due_time    INTEGER NOT NULL,
    lease_until INTEGER NOT NULL DEFAULT 0,
    fence       INTEGER NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL DEFAULT 0,
    last_error  TEXT    NOT NULL DEFAULT '',
    state       INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Their files, until they ran.
CREATE TABLE import_pieces (
    import_id TEXT    NOT NULL,
    number    INTEGER NOT NULL,
    piece     BLOB    NOT NULL,
    PRIMARY KEY (import_id, number)
);

-- Rows that were rejected.
CREATE TABLE import_rejects (
    import_id TEXT    NOT NULL,
    line      INTEGER NOT NULL,
    reason    TEXT    NOT NULL,
    cells     BLOB    NOT NULL,                -- a JSON list of texts
    PRIMARY KEY (import_id, line)
);

-- Leads that an import said something new of: with its source and this time of receipt.
CREATE TABLE import_leads (
    import_id      TEXT    NOT NULL,
    lead_id        TEXT    NOT NULL,
    received_at    INTEGER NOT NULL,
    created        INTEGER NOT NULL,           -- 1: it made the lead
    sourced        INTEGER NOT NULL,           -- 1: it said where the lead came from; before it, that was:
    lead_source    BLOB,
    lead_source_at INTEGER NOT NULL,
    lead_source_by TEXT    NOT NULL,
    PRIMARY KEY (import_id, lead_id, received_at)
) WITHOUT ROWID;
CREATE INDEX import_leads_by_lead ON import_leads (lead_id);
