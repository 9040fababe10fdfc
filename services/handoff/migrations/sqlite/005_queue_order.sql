-- +goose Up

-- The order in which a queue is worked: the highest priority first, then the smallest rank.
ALTER TABLE handoffs ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE handoffs ADD COLUMN queue_rank INTEGER NOT NULL DEFAULT 0; -- request time, or the score below 0
ALTER TABLE handoffs ADD COLUMN action TEXT NOT NULL DEFAULT '';
CREATE INDEX handoffs_by_queue_order ON handoffs (queue, state, (-priority), queue_rank, handoff_id);

-- The cycle in which a verdict was given, for standards that decide once in each.
ALTER TABLE verdicts ADD COLUMN cycle INTEGER NOT NULL DEFAULT 0;
