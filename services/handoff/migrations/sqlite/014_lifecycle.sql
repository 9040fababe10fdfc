-- +goose Up

-- Why a lead was recycled, disqualified or lost, what a leader overruled in the cycle,
-- and how often it went through.
ALTER TABLE tracks ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE tracks ADD COLUMN sub_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE tracks ADD COLUMN waived TEXT NOT NULL DEFAULT '';
ALTER TABLE tracks ADD COLUMN qualified_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tracks ADD COLUMN recycled_count INTEGER NOT NULL DEFAULT 0;
UPDATE tracks SET
    qualified_count = (SELECT COUNT(*) FROM stage_moves m WHERE m.lead_id = tracks.lead_id AND m.track = tracks.track AND m.to_stage = 2),
    recycled_count = (SELECT COUNT(*) FROM stage_moves m WHERE m.lead_id = tracks.lead_id AND m.track = tracks.track AND m.to_stage = 8);

-- Since now a move names the decision that stood, whoever caused it.
ALTER TABLE stage_moves ADD COLUMN sub_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE stage_moves ADD COLUMN version TEXT NOT NULL DEFAULT ''; -- standards/{standard}/versions/{version}

ALTER TABLE handoffs ADD COLUMN outcome_sub_reason TEXT NOT NULL DEFAULT '';
