-- +goose Up

-- The facts version with which nothing was known of the lead any more, since the import
-- that made it was undone; 0: never. It holds until something new is said.
ALTER TABLE leads ADD COLUMN emptied_version INTEGER NOT NULL DEFAULT 0;
