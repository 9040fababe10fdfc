-- +goose Up
-- Models by revision: the hash of their content. Immutable.
CREATE TABLE models (
    revision TEXT PRIMARY KEY,
    model BLOB NOT NULL,
    create_time BIGINT NOT NULL
) WITHOUT ROWID;

-- The checkpoint of a lead under a revision: the facts version it reflects, and
-- what the fold of its facts is. generation grows by one with every write: the
-- compare-and-set of the writer.
CREATE TABLE checkpoints (
    lead TEXT NOT NULL,
    revision TEXT NOT NULL,
    generation BIGINT NOT NULL,
    version BIGINT NOT NULL,
    state BLOB NOT NULL,
    profile BLOB NOT NULL,
    tail BLOB NOT NULL,
    tailed BIGINT NOT NULL,
    sealed BIGINT NOT NULL,
    PRIMARY KEY (lead, revision)
);

-- The ledger: what matched, in effective order, 64 entries a row, before the
-- checkpoint's tail. state_after is the fold up to a row's last entry, kept for few
-- of the rows: from there a late fact folds again.
CREATE TABLE ledger (
    lead TEXT NOT NULL,
    revision TEXT NOT NULL,
    seq BIGINT NOT NULL,
    last_time BIGINT NOT NULL,
    entries BLOB NOT NULL,
    state_after BLOB,
    PRIMARY KEY (lead, revision, seq)
);

-- +goose Down
DROP TABLE ledger;
DROP TABLE checkpoints;
DROP TABLE models;
