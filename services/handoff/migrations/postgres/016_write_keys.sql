-- +goose Up

-- A write key is one of a source; every other key has none. It has one of two places while it
-- works, so that two keys of a source can live side by side and no third.
ALTER TABLE api_keys ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN source_place BIGINT; -- 1 or 2; NULL without a source, and once it ended
CREATE UNIQUE INDEX api_keys_by_source ON api_keys (source, source_place);
