-- +goose Up

-- To whom a handoff went, and why.
ALTER TABLE handoffs ADD COLUMN team TEXT NOT NULL DEFAULT ''; -- it was assigned in, or waits for
ALTER TABLE handoffs ADD COLUMN assign_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE handoffs ADD COLUMN assign_time INTEGER NOT NULL DEFAULT 0;
ALTER TABLE handoffs ADD COLUMN transfer_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE handoffs ADD COLUMN route TEXT NOT NULL DEFAULT ''; -- what the rules said: routing.Route as JSON

-- For whom it waits: `teams/{team}` or `users/{user}`; empty: for nobody.
ALTER TABLE handoffs ADD COLUMN waits_for TEXT NOT NULL DEFAULT '';
CREATE INDEX handoffs_waiting ON handoffs (waits_for, (-priority), queue_rank, handoff_id) WHERE waits_for <> '';

-- Whose turn it is in a team.
CREATE TABLE rotations (
    team_id  TEXT NOT NULL PRIMARY KEY,
    rotation TEXT NOT NULL -- routing.Rotation as JSON
);

-- Teams and people that handoffs wait for: due when one of them may have become available.
CREATE TABLE awaited (
    waits_for   TEXT    NOT NULL PRIMARY KEY,
    due_time    INTEGER  NOT NULL,
    lease_until INTEGER  NOT NULL DEFAULT 0,
    fence       INTEGER  NOT NULL DEFAULT 0,
    attempts    INTEGER NOT NULL DEFAULT 0,
    last_error  TEXT    NOT NULL DEFAULT '',
    state       INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX awaited_by_due_time ON awaited (state, due_time);
