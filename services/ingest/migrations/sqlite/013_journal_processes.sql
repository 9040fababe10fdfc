-- +goose Up

-- When the processes that keep something in the journal were last alive: what one that
-- ended has left there is stored by another.
CREATE TABLE journal_processes (
    process TEXT   NOT NULL PRIMARY KEY,
    seen_at INTEGER NOT NULL
);
