-- +goose Up

-- Who is who follows from what was seen together: claims and merges are kept, and which
-- lead a value leads to is what they come to. home says that facts arrived with the value
-- as their strongest: lead_id is theirs, for ever. Without it, lead_id names a lead of
-- whoever claims the value, or nobody. shared: too many persons claim it.
ALTER TABLE identities ADD COLUMN home BIGINT NOT NULL DEFAULT 0;
ALTER TABLE identities ADD COLUMN shared BIGINT NOT NULL DEFAULT 0;

-- Values that were seen together: the stronger one (by) claims the weaker. Append-only
-- but for two things: what was not trusted may be said by a source that is, and a person
-- may sever a link.
CREATE TABLE identity_claims (
    kind           BIGINT NOT NULL,
    value          TEXT    NOT NULL,
    by_kind        BIGINT NOT NULL,
    by_value       TEXT    NOT NULL,
    id             TEXT    NOT NULL,               -- names the link
    trusted        BIGINT NOT NULL,               -- 0: only browsers said so
    source         TEXT    NOT NULL,
    effective_at   BIGINT NOT NULL,
    received_at    BIGINT NOT NULL,
    severed_at     BIGINT NOT NULL DEFAULT 0,     -- 0: it holds
    severed_by     TEXT    NOT NULL DEFAULT '',
    severed_reason TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (kind, value, by_kind, by_value)
);
CREATE INDEX identity_claims_by ON identity_claims (by_kind, by_value);

-- Leads that a person merged.
CREATE TABLE lead_merges (
    id             TEXT    NOT NULL PRIMARY KEY,
    lead_a         TEXT    NOT NULL,
    lead_b         TEXT    NOT NULL,
    actor          TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    created_at     BIGINT NOT NULL,
    severed_at     BIGINT NOT NULL DEFAULT 0,     -- 0: it holds
    severed_by     TEXT    NOT NULL DEFAULT '',
    severed_reason TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX lead_merges_a ON lead_merges (lead_a);
CREATE INDEX lead_merges_b ON lead_merges (lead_b);

-- Leads that may be one person where no rule may say so, and what somebody decided.
CREATE TABLE merge_proposals (
    lead_a     TEXT    NOT NULL,                   -- the lesser id
    lead_b     TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    state      BIGINT NOT NULL,                   -- 1 open, 2 accepted, 3 dismissed
    created_at BIGINT NOT NULL,
    decided_at BIGINT NOT NULL DEFAULT 0,
    actor      TEXT    NOT NULL DEFAULT '',
    reason     TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (lead_a, lead_b)
);
CREATE UNIQUE INDEX merge_proposals_by_id ON merge_proposals (id);
CREATE INDEX merge_proposals_by_state ON merge_proposals (state, created_at, id);

-- How values are resolved: one row, once anybody changed it. What is known is resolved
-- again up to (at_kind, at_value) of resolving version.
CREATE TABLE identity_settings (
    id        TEXT    NOT NULL PRIMARY KEY,        -- settings
    version   BIGINT NOT NULL,
    value     BYTEA   NOT NULL,                    -- JSON
    resolved  BIGINT NOT NULL,                    -- the version by which everything is resolved
    at_kind   BIGINT NOT NULL,
    at_value  TEXT    NOT NULL
);

-- Raised by every change of who a person is; 0 of one that was always alone. Who locks a
-- person's row in pending compares it with what it read of the lead.
ALTER TABLE leads ADD COLUMN identity_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pending ADD COLUMN identity_version BIGINT NOT NULL DEFAULT 0;

-- Until now the first capture made all of its values the lead's own: its strongest value
-- is the home, and claims the others.
UPDATE identities SET home = 1 WHERE (kind, value) IN (
    SELECT kind, value FROM (
        SELECT kind, value, row_number() OVER (PARTITION BY lead_id ORDER BY kind, received_at, value) AS n FROM identities
    ) AS ordered WHERE n = 1);
INSERT INTO identity_claims (kind, value, by_kind, by_value, id, trusted, source, effective_at, received_at)
    SELECT i.kind, i.value, h.kind, h.value, replace(gen_random_uuid()::text, '-', ''), 1, i.source, i.effective_at, i.received_at
    FROM identities i JOIN identities h ON h.lead_id = i.lead_id AND h.home = 1 WHERE i.home = 0;
