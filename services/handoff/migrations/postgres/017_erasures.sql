-- +goose Up

-- Persons to forget, in the background. The rows are due work; what identifies the person
-- is not here, only the ids of the leads that were the person.
CREATE TABLE erasures (
    erasure_id  TEXT    NOT NULL PRIMARY KEY, -- of the request id, if one was given
    mode        BIGINT NOT NULL,             -- assay.handoff.v1.Erasure.Mode
    stage       BIGINT NOT NULL DEFAULT 0,   -- how many steps are done
    leads       TEXT    NOT NULL,             -- ids with blanks between them
    steps       BYTEA   NOT NULL,             -- assay.handoff.v1.Erasure with its steps only
    reason      TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    create_time BIGINT NOT NULL,
    end_time    BIGINT NOT NULL DEFAULT 0,
    due_time    BIGINT NOT NULL,
    lease_until BIGINT NOT NULL DEFAULT 0,
    fence       BIGINT NOT NULL DEFAULT 0,
    attempts    BIGINT NOT NULL DEFAULT 0,
    last_error  TEXT    NOT NULL DEFAULT '',
    state       BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX erasures_by_due_time ON erasures (state, due_time);
CREATE INDEX erasures_by_time ON erasures (create_time, erasure_id);

-- When the person was forgotten; 0: was not. Nothing is decided of the lead any more.
ALTER TABLE leads ADD COLUMN erase_time BIGINT NOT NULL DEFAULT 0;

-- The planner's statistics keep samples of what is in a column, also of what was deleted
-- since. Of personal columns it takes none: our statements do not need them.
ALTER TABLE verdicts ALTER COLUMN evidence SET STATISTICS 0;
ALTER TABLE decisions ALTER COLUMN evidence SET STATISTICS 0;
ALTER TABLE leads ALTER COLUMN outcome SET STATISTICS 0;
ALTER TABLE tracks ALTER COLUMN outcome SET STATISTICS 0, ALTER COLUMN reason SET STATISTICS 0, ALTER COLUMN sub_reason SET STATISTICS 0;
ALTER TABLE stage_moves ALTER COLUMN reason SET STATISTICS 0, ALTER COLUMN sub_reason SET STATISTICS 0;
ALTER TABLE handoffs ALTER COLUMN reasons SET STATISTICS 0, ALTER COLUMN outcome SET STATISTICS 0,
    ALTER COLUMN outcome_reason SET STATISTICS 0, ALTER COLUMN outcome_sub_reason SET STATISTICS 0;
ALTER TABLE approvals ALTER COLUMN content SET STATISTICS 0;
ALTER TABLE outbox ALTER COLUMN properties SET STATISTICS 0;
ALTER TABLE deliveries ALTER COLUMN data SET STATISTICS 0, ALTER COLUMN body SET STATISTICS 0, ALTER COLUMN last_error SET STATISTICS 0,
    ALTER COLUMN remote_id SET STATISTICS 0;
ALTER TABLE delivery_attempts ALTER COLUMN error SET STATISTICS 0;
ALTER TABLE handoff_packets ALTER COLUMN packet SET STATISTICS 0;
ALTER TABLE standard_log ALTER COLUMN comment SET STATISTICS 0;
ALTER TABLE remote_leads ALTER COLUMN contact_id SET STATISTICS 0;
ALTER TABLE remote_handoffs ALTER COLUMN opportunity_id SET STATISTICS 0, ALTER COLUMN refused SET STATISTICS 0;
