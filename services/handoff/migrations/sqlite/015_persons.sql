-- +goose Up

-- A person is one lead or, after a merge, several. One of them stands for the person; the
-- others point to it.
ALTER TABLE leads ADD COLUMN person_id TEXT NOT NULL DEFAULT ''; -- '': it stands for itself
ALTER TABLE leads ADD COLUMN identity_version INTEGER NOT NULL DEFAULT 0; -- of the latest claim that named it
CREATE INDEX leads_by_person ON leads (person_id) WHERE person_id <> '';

-- In each track one row of a person's leads says where the person stands: the others sleep,
-- and wake as they were if the merge is undone.
ALTER TABLE tracks ADD COLUMN dormant INTEGER NOT NULL DEFAULT 0; -- 1: another lead's row speaks

-- The other leads that were the person when the handoff was made, with blanks between them.
ALTER TABLE handoffs ADD COLUMN made_for TEXT NOT NULL DEFAULT '';
