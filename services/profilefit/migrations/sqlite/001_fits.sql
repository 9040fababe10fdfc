-- +goose Up

-- Fit models by revision, the hash of their content. Written once, never changed.
CREATE TABLE models (
    revision TEXT NOT NULL PRIMARY KEY,
    model    BLOB NOT NULL -- assay.type.v1.FitModel
);

-- The checkpoint of a lead under a model revision.
CREATE TABLE fits (
    lead_id       TEXT    NOT NULL,
    revision      TEXT    NOT NULL,
    writes        INTEGER NOT NULL, -- how often the row was written: whoever writes says what it read
    facts_version INTEGER NOT NULL, -- the version of the lead's facts that it reflects
    as_of         INTEGER NOT NULL, -- the instant of the result
    latest        INTEGER NOT NULL, -- from when on the result does not change by itself; 0: it never did
    facts         BLOB    NOT NULL, -- the attribute facts that the model reads: fit.History
    result        BLOB    NOT NULL, -- assay.profilefit.v1.FitResult
    PRIMARY KEY (lead_id, revision)
);

-- +goose Down
DROP TABLE fits;
DROP TABLE models;
