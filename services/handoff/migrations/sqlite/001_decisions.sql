-- +goose Up

-- What is known of a lead as a whole. Its row is the lead's lock: whoever decides
-- or moves a lead writes or locks it first.
CREATE TABLE leads (
    lead_id       TEXT    NOT NULL PRIMARY KEY,
    facts_version INTEGER NOT NULL, -- the newest that was decided
    outcome       BLOB,             -- assay.handoff.v1.Outcome that an import brought
    outcome_time  INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- Where a lead stands in a track, with the leading verdict beside it for lists.
CREATE TABLE tracks (
    lead_id          TEXT    NOT NULL,
    track            TEXT    NOT NULL,
    stage            INTEGER NOT NULL, -- assay.type.v1.LifecycleStage
    cycle            INTEGER NOT NULL,
    stirred          INTEGER NOT NULL, -- 1: did something of its own since it came to rest
    rest_time        INTEGER NOT NULL, -- when it came to rest; 0: it does not rest
    handoff_id       TEXT    NOT NULL, -- of this cycle; '' while there is none
    standard_id      TEXT    NOT NULL, -- the leading one
    version          TEXT    NOT NULL, -- standards/{standard}/versions/{version}
    verdict          INTEGER NOT NULL, -- assay.type.v1.Verdict
    fit_score        INTEGER,          -- hundredths
    fit_class        TEXT    NOT NULL,
    engagement_score INTEGER,          -- hundredths
    engagement_band  TEXT    NOT NULL,
    engagement_order INTEGER NOT NULL, -- the score, below all scores while there is none
    facts_version    INTEGER NOT NULL,
    decide_time      INTEGER NOT NULL,
    outcome          BLOB,             -- assay.handoff.v1.Outcome that sales reported
    PRIMARY KEY (lead_id, track)
) WITHOUT ROWID;
CREATE INDEX tracks_by_decide_time ON tracks (decide_time, lead_id, track);
CREATE INDEX tracks_by_stage ON tracks (stage, decide_time, lead_id, track);
CREATE INDEX tracks_by_engagement ON tracks (engagement_order, lead_id, track);

-- What each standard says of a lead now.
CREATE TABLE verdicts (
    lead_id         TEXT    NOT NULL,
    standard_id     TEXT    NOT NULL,
    track           TEXT    NOT NULL,
    version         TEXT    NOT NULL,
    verdict         INTEGER NOT NULL,
    reasons_hash    INTEGER NOT NULL, -- of reasons and missing attributes
    fit_class       TEXT    NOT NULL,
    engagement_band TEXT    NOT NULL,
    decision_id     TEXT    NOT NULL, -- the latest record
    evidence        BLOB    NOT NULL, -- assay.handoff.v1.Qualification without the columns of tracks
    PRIMARY KEY (lead_id, standard_id)
);

-- Decisions as they were made: written when verdict, reasons, class or version
-- change, and never changed.
CREATE TABLE decisions (
    lead_id     TEXT    NOT NULL,
    decide_time INTEGER NOT NULL,
    decision_id TEXT    NOT NULL,
    evidence    BLOB    NOT NULL, -- assay.handoff.v1.Decision
    PRIMARY KEY (lead_id, decide_time, decision_id)
);

-- Every stage move, with its cause; never changed.
CREATE TABLE stage_moves (
    lead_id     TEXT    NOT NULL,
    move_time   INTEGER NOT NULL,
    move_id     TEXT    NOT NULL,
    track       TEXT    NOT NULL,
    cycle       INTEGER NOT NULL,
    from_stage  INTEGER NOT NULL,
    to_stage    INTEGER NOT NULL,
    cause       TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    actor       TEXT    NOT NULL,
    decision_id TEXT    NOT NULL, -- '' unless a verdict caused it
    PRIMARY KEY (lead_id, move_time, move_id)
) WITHOUT ROWID;

-- Transfers to sales: at most one for a lead, track and cycle.
CREATE TABLE handoffs (
    handoff_id     TEXT    NOT NULL PRIMARY KEY,
    lead_id        TEXT    NOT NULL,
    track          TEXT    NOT NULL,
    cycle          INTEGER NOT NULL,
    state          INTEGER NOT NULL, -- assay.handoff.v1.Handoff.State
    revision       INTEGER NOT NULL, -- raised by every change: the etag
    queue          TEXT    NOT NULL,
    owner          TEXT    NOT NULL,
    reasons        BLOB    NOT NULL, -- assay.type.v1.DecisionDigest with reasons only
    decision_id    TEXT    NOT NULL,
    outcome_reason TEXT    NOT NULL,
    outcome        BLOB,             -- assay.handoff.v1.Outcome
    create_time    INTEGER NOT NULL,
    update_time    INTEGER NOT NULL,
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
    occurred_time INTEGER NOT NULL,
    properties    BLOB    NOT NULL, -- one JSON object
    due_time      INTEGER NOT NULL,
    lease_until   INTEGER NOT NULL DEFAULT 0,
    fence         INTEGER NOT NULL DEFAULT 0,
    attempts      INTEGER NOT NULL DEFAULT 0,
    last_error    TEXT    NOT NULL DEFAULT '',
    state         INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX outbox_by_due_time ON outbox (state, due_time);
