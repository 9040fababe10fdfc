-- +goose Up

-- Persons to forget, in the background. The rows are due work; what identifies the person
-- is not here, only the ids of the leads that were the person.
CREATE TABLE erasures (
    erasure_id  TEXT    NOT NULL PRIMARY KEY, -- of the request id, if one was given
    mode        INTEGER NOT NULL,             -- assay.handoff.v1.Erasure.Mode
    stage       INTEGER NOT NULL DEFAULT 0,   -- how many steps are done
    leads       TEXT    NOT NULL,             -- ids with blanks between them
    steps       BLOB    NOT NULL,             -- assay.handoff.v1.Erasure with its steps only
    reason      TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    create_time INTEGER NOT NULL,
    end_time    INTEGER NOT NULL DEFAULT 0,
    due_time    INTEGER NOT NULL,
    lease_until INTEGER NOT NULL DEFAULT 0,
    fence       INTEGER NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL DEFAULT 0,
    last_error  TEXT    NOT NULL DEFAULT '',
    state       INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX erasures_by_due_time ON erasures (state, due_time);
CREATE INDEX erasures_by_time ON erasures (create_time, erasure_id);

-- When the person was forgotten; 0: was not. Nothing is decided of the lead any more.
ALTER TABLE leads ADD COLUMN erase_time INTEGER NOT NULL DEFAULT 0;
