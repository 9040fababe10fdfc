-- +goose Up

-- How much of what only repeats what is known waits for the next facts version.
ALTER TABLE pending ADD COLUMN repeated_facts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pending ADD COLUMN repeated_bytes BIGINT NOT NULL DEFAULT 0;
