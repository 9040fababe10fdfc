-- +goose Up

-- Work over all leads in the background. The rows are due work (due_time and what
-- follows it): one step at a time is leased, and the place is stored with its end.
CREATE TABLE operations (
    operation_id    TEXT    NOT NULL PRIMARY KEY,
    kind            BIGINT  NOT NULL, -- assay.handoff.v1.Operation.Kind
    ended           BIGINT  NOT NULL DEFAULT 0, -- assay.handoff.v1.Operation.State once it has; 0 before
    standard        TEXT    NOT NULL, -- what it is for: a version, a retired standard or ''
    actor           TEXT    NOT NULL,
    create_time     BIGINT  NOT NULL,
    end_time        BIGINT  NOT NULL DEFAULT 0,
    last_lead       TEXT    NOT NULL DEFAULT '', -- the last that it looked at
    end_lead        TEXT    NOT NULL DEFAULT '', -- the last that it will look at; '' before the first step
    total           BIGINT  NOT NULL DEFAULT 0,
    done            BIGINT  NOT NULL DEFAULT 0,
    failed          BIGINT  NOT NULL DEFAULT 0,
    newly_qualified BIGINT  NOT NULL DEFAULT 0,
    dropped         BIGINT  NOT NULL DEFAULT 0,
    sample_size     BIGINT  NOT NULL DEFAULT 0, -- of a preview
    max_leads       BIGINT  NOT NULL DEFAULT 0, -- of a preview; 0: all
    preview         BYTEA,            -- assay.handoff.v1.PreviewResult
    due_time        BIGINT  NOT NULL,
    lease_until     BIGINT  NOT NULL DEFAULT 0,
    fence           BIGINT  NOT NULL DEFAULT 0,
    attempts        BIGINT  NOT NULL DEFAULT 0,
    last_error      TEXT    NOT NULL DEFAULT '',
    state           BIGINT  NOT NULL DEFAULT 0
);
CREATE INDEX operations_by_due_time ON operations (state, due_time);
CREATE INDEX operations_by_time ON operations (create_time, operation_id);

-- Leads that qualify by history alone, due when they are released.
CREATE TABLE held_leads (
    lead_id     TEXT    NOT NULL,
    track       TEXT    NOT NULL,
    version     TEXT    NOT NULL, -- standards/{standard}/versions/{version} that qualified it
    create_time BIGINT  NOT NULL,
    due_time    BIGINT  NOT NULL,
    lease_until BIGINT  NOT NULL DEFAULT 0,
    fence       BIGINT  NOT NULL DEFAULT 0,
    attempts    BIGINT  NOT NULL DEFAULT 0,
    last_error  TEXT    NOT NULL DEFAULT '',
    state       BIGINT  NOT NULL DEFAULT 0,
    PRIMARY KEY (lead_id, track)
);
CREATE INDEX held_leads_by_due_time ON held_leads (state, due_time);
CREATE INDEX held_leads_by_release ON held_leads (due_time, lead_id, track);
CREATE INDEX held_leads_by_track ON held_leads (track, due_time, lead_id);

-- How fast the held leads of a track are released.
CREATE TABLE release_rates (
    track     TEXT    NOT NULL PRIMARY KEY,
    per_hour  BIGINT  NOT NULL,
    last_time BIGINT  NOT NULL -- the release time that was given last
);

-- Leads to be decided again at a time, because time alone may change a verdict.
CREATE TABLE reviews (
    lead_id     TEXT    NOT NULL PRIMARY KEY,
    standard_id TEXT    NOT NULL, -- whose verdict may change; '' if it is all of them
    cause       TEXT    NOT NULL, -- score, or rescore after a failure
    due_time    BIGINT  NOT NULL,
    lease_until BIGINT  NOT NULL DEFAULT 0,
    fence       BIGINT  NOT NULL DEFAULT 0,
    attempts    BIGINT  NOT NULL DEFAULT 0,
    last_error  TEXT    NOT NULL DEFAULT '',
    state       BIGINT  NOT NULL DEFAULT 0
);
CREATE INDEX reviews_by_due_time ON reviews (state, due_time);
