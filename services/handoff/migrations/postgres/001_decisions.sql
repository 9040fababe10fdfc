-- +goose Up

-- What is known of a lead as a whole. Its row is the lead's lock: whoever decides
-- or moves a lead writes or locks it first.
CREATE TABLE leads (
    lead_id       TEXT    NOT NULL PRIMARY KEY,
    facts_version BIGINT  NOT NULL, -- the newest that was decided
    outcome       BYTEA,             -- assay.handoff.v1.Outcome that an import brought
    outcome_time  BIGINT  NOT NULL DEFAULT 0
);

-- Where a lead stands in a track, with the leading verdict beside it for lists.
CREATE TABLE tracks (
    lead_id          TEXT    NOT NULL,
    track            TEXT    NOT NULL,
    stage            BIGINT  NOT NULL, -- assay.type.v1.LifecycleStage
    cycle            BIGINT  NOT NULL,
    stirred          BIGINT  NOT NULL, -- 1: did something of its own since it came to rest
    rest_time        BIGINT  NOT NULL, -- when it came to rest; 0: it does not rest
    handoff_id       TEXT    NOT NULL, -- of this cycle; '' while there is none
    standard_id      TEXT    NOT NULL, -- the leading one
    version          TEXT    NOT NULL, -- standards/{standard}/versions/{version}
    verdict          BIGINT  NOT NULL, -- assay.type.v1.Verdict
    fit_score        BIGINT,           -- hundredths
    fit_class        TEXT    NOT NULL,
    engagement_score BIGINT,           -- hundredths
    engagement_band  TEXT    NOT NULL,
    engagement_order BIGINT  NOT NULL, -- the score, below all scores while there is none
    facts_version    BIGINT  NOT NULL,
    decide_time      BIGINT  NOT NULL,
    outcome          BYTEA,             -- assay.handoff.v1.Outcome that sales reported
    PRIMARY KEY (lead_id, track)
);
CREATE INDEX tracks_by_decide_time ON tracks (decide_time, lead_id, track);
CREATE INDEX tracks_by_stage ON tracks (stage, decide_time, lead_id, track);
CREATE INDEX tracks_by_engagement ON tracks (engagement_order, lead_id, track);

-- What each standard says of a lead now.
CREATE TABLE verdicts (
    lead_id         TEXT    NOT NULL,
    standard_id     TEXT    NOT NULL,
    track           TEXT    NOT NULL,
    version         TEXT    NOT NULL,
    verdict         BIGINT  NOT NULL,
    reasons_hash    BIGINT  NOT NULL, -- of reasons and missing attributes
    fit_class       TEXT    NOT NULL,
    engagement_band TEXT    NOT NULL,
    decision_id     TEXT    NOT NULL, -- the latest record
    evidence        BYTEA   NOT NULL, -- assay.handoff.v1.Qualification without the columns of tracks
    PRIMARY KEY (lead_id, standard_id)
);

-- Decisions as they were made: written when verdict, reasons, class or version
-- change, and never changed.
CREATE TABLE decisions (
    lead_id     TEXT    NOT NULL,
    decide_time BIGINT  NOT NULL,
    decision_id TEXT    NOT NULL,
    evidence    BYTEA   NOT NULL, -- assay.handoff.v1.Decision
    PRIMARY KEY (lead_id, decide_time, decision_id)
);

-- Every stage move, with its cause; never changed.
CREATE TABLE stage_moves (
    lead_id     TEXT    NOT NULL,
    move_time   BIGINT  NOT NULL,
    move_id     TEXT    NOT NULL,
    track       TEXT    NOT NULL,
    cycle       BIGINT  NOT NULL,
    from_stage  BIGINT  NOT NULL,
    to_stage    BIGINT  NOT NULL,
    cause       TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    decision_id TEXT    NOT NULL, -- '' unless a verdict caused it
    PRIMARY KEY (lead_id, move_time, move_id)
);

-- Transfers to sales: at most one for a lead, track and cycle.
CREATE TABLE handoffs (
    handoff_id     TEXT    NOT NULL PRIMARY KEY,
    lead_id        TEXT    NOT NULL,
    track          TEXT    NOT NULL,
    cycle          BIGINT  NOT NULL,
    state          BIGINT  NOT NULL, -- assay.handoff.v1.Handoff.State
    revision       BIGINT  NOT NULL, -- raised by every change: the etag
    queue          TEXT    NOT NULL,
    owner          TEXT    NOT NULL,
    reasons        BYTEA   NOT NULL, -- assay.type.v1.DecisionDigest with reasons only
    decision_id    TEXT    NOT NULL,
    outcome_reason TEXT    NOT NULL,
    outcome        BYTEA,             -- assay.handoff.v1.Outcome
    create_time    BIGINT  NOT NULL,
    update_time    BIGINT  NOT NULL,
    UNIQUE (lead_id, track, cycle)
);
CREATE INDEX handoffs_by_time ON handoffs (create_time, handoff_id);
CREATE INDEX handoffs_by_state ON handoffs (state, create_time, handoff_id);

-- What ingest is still to be told: written with the move it tells of, removed when
-- ingest has it.
CREATE TABLE outbox (
    activity_id   TEXT    NOT NULL PRIMARY KEY, -- stable: telling it twice changes nothing
    lead_id       TEXT    NOT NULL,
    type          TEXT    NOT NULL, -- of the activity
    occurred_time BIGINT  NOT NULL,
    properties    BYTEA   NOT NULL, -- one JSON object
    due_time      BIGINT  NOT NULL,
    lease_until   BIGINT  NOT NULL DEFAULT 0,
    fence         BIGINT  NOT NULL DEFAULT 0,
    attempts      BIGINT  NOT NULL DEFAULT 0,
    last_error    TEXT    NOT NULL DEFAULT '',
    state         BIGINT  NOT NULL DEFAULT 0
);
CREATE INDEX outbox_by_due_time ON outbox (state, due_time);
