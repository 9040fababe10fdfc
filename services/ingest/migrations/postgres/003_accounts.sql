-- +goose Up

-- Companies that leads belong to. facts_version is raised by everything new; the leads
-- were told of what is up to told_version.
CREATE TABLE accounts (
    id            TEXT    NOT NULL PRIMARY KEY,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL,
    facts_version BIGINT  NOT NULL,
    told_version  BIGINT  NOT NULL,
    historical    BIGINT  NOT NULL,                -- 1: all that is still to tell is history
    attributes    BYTEA   NOT NULL,                -- the current values: one JSON object
    counts        BYTEA   NOT NULL                 -- facts of each kind and state now: one JSON object
);
CREATE INDEX accounts_by_creation ON accounts (created_at, id);
CREATE INDEX accounts_to_tell ON accounts (id) WHERE told_version < facts_version;

-- Ways to recognise an account. A row is never pointed to another account.
CREATE TABLE account_identities (
    kind         BIGINT  NOT NULL,                 -- in the order of strength, see AccountIdentity.Kind
    value        TEXT    NOT NULL,
    account_id   TEXT    NOT NULL,
    source       TEXT    NOT NULL,
    effective_at BIGINT  NOT NULL,
    received_at  BIGINT  NOT NULL,
    PRIMARY KEY (kind, value)
);
CREATE INDEX account_identities_by_account ON account_identities (account_id);

-- What was said of accounts: append-only.
CREATE TABLE account_facts (
    account_id    TEXT    NOT NULL,
    kind          TEXT    NOT NULL,                -- opportunities, customers …; empty: an attribute
    key           TEXT    NOT NULL,                -- of the attribute, or of the fact within its kind
    effective_at  BIGINT  NOT NULL,
    source        TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    facts_version BIGINT  NOT NULL,                -- of the account, with which it came
    received_at   BIGINT  NOT NULL,
    value         BYTEA   NOT NULL,                -- JSON: of the attribute, or the state; null removes
    properties    BYTEA,                            -- one JSON object
    PRIMARY KEY (account_id, kind, key, effective_at, source, id)
);

-- Leads that belong, or ever belonged, to an account, and which version of it they
-- were told of.
CREATE TABLE account_leads (
    account_id   TEXT    NOT NULL,
    lead_id      TEXT    NOT NULL,                 -- the person's lead
    told_version BIGINT  NOT NULL,
    present      BIGINT  NOT NULL,                 -- 1: it belongs to it now
    PRIMARY KEY (lead_id, account_id)
);
CREATE INDEX account_leads_to_tell ON account_leads (account_id, told_version, lead_id);
CREATE INDEX account_leads_present ON account_leads (account_id, lead_id) WHERE present = 1;

-- When what a lead came from was said to be true, and by whom: the earliest counts.
ALTER TABLE leads ADD COLUMN lead_source_at BIGINT  NOT NULL DEFAULT 0;
ALTER TABLE leads ADD COLUMN lead_source_by TEXT NOT NULL DEFAULT '';
UPDATE leads SET lead_source_at = created_at WHERE lead_source IS NOT NULL;

-- Effective time of the earliest fact, 0 without any, and the version it came with.
ALTER TABLE pending ADD COLUMN earliest_effective BIGINT  NOT NULL DEFAULT 0;
ALTER TABLE pending ADD COLUMN earliest_version BIGINT  NOT NULL DEFAULT 0;
UPDATE pending SET earliest_version = facts_version + 1, earliest_effective = COALESCE((
    SELECT min(t) FROM (
        SELECT min(f.effective_at) AS t FROM leads m JOIN attributes f ON f.lead_id = m.id WHERE m.canonical_id = pending.lead_id
        UNION ALL
        SELECT min(f.occurred_at) FROM leads m JOIN activities f ON f.lead_id = m.id WHERE m.canonical_id = pending.lead_id
    ) AS earliest), 0);
