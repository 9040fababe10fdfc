-- +goose Up

-- What standards say of the time to answer, and working hours as they were when a clock
-- began to count them; by the hash of the content, never changed.
CREATE TABLE sla_rules (
    rules_id TEXT NOT NULL PRIMARY KEY,
    content  BYTEA NOT NULL -- assay.handoff.v1.SlaRules as JSON
);
CREATE TABLE sla_calendars (
    calendar_id TEXT NOT NULL PRIMARY KEY,
    content     BYTEA NOT NULL -- working hours as JSON
);

-- How quickly handoffs are answered, a row for each.
CREATE TABLE responses (
    handoff_id   TEXT    NOT NULL PRIMARY KEY,
    rules_id     TEXT    NOT NULL, -- '': no clock runs
    request_time BIGINT  NOT NULL, -- when the lead asked; 0: nobody knows
    machine_time BIGINT  NOT NULL, -- from the capture to the handoff, in µs; 0: nobody knows
    touch_time   BIGINT  NOT NULL, -- when a person first touched it; 0: nobody has
    reassigned   BIGINT  NOT NULL, -- how often a clock gave it to somebody else
    due_time     BIGINT  NOT NULL  -- of the running clock; 0: none runs, or it is never due
);
CREATE INDEX responses_by_due_time ON responses (due_time, handoff_id);

-- The clocks of handoffs: at most one of each runs.
CREATE TABLE sla_clocks (
    handoff_id    TEXT    NOT NULL,
    number        BIGINT  NOT NULL, -- of the transfer, from 1
    track         TEXT    NOT NULL,
    owner         TEXT    NOT NULL, -- who is credited
    team          TEXT    NOT NULL, -- it was assigned in; '': in none
    rules_id      TEXT    NOT NULL,
    calendar_id   TEXT    NOT NULL,
    start_time    BIGINT  NOT NULL,
    due_time      BIGINT  NOT NULL, -- 0: never
    stop_time     BIGINT  NOT NULL, -- 0: it runs
    stop_cause    TEXT    NOT NULL,
    met           BIGINT  NOT NULL, -- 1: stopped in time
    working_time  BIGINT  NOT NULL, -- until it was stopped, in µs
    warn_time     BIGINT  NOT NULL, -- of the latest warning; 0: none, as below
    breach_time   BIGINT  NOT NULL,
    escalate_time BIGINT  NOT NULL,
    PRIMARY KEY (handoff_id, number)
);
CREATE INDEX sla_clocks_by_start_time ON sla_clocks (start_time);

-- The next step of each running clock: a warning, the breach and what follows it.
CREATE TABLE sla_timers (
    clock_id    TEXT    NOT NULL PRIMARY KEY, -- {handoff}/{number}
    handoff_id  TEXT    NOT NULL,
    lead_id     TEXT    NOT NULL, -- locked before a step is done
    step        BIGINT  NOT NULL, -- its place among the clock's steps, from 0
    due_time    BIGINT  NOT NULL,
    lease_until BIGINT  NOT NULL DEFAULT 0,
    fence       BIGINT  NOT NULL DEFAULT 0,
    attempts    BIGINT  NOT NULL DEFAULT 0,
    last_error  TEXT    NOT NULL DEFAULT '',
    state       BIGINT  NOT NULL DEFAULT 0
);
CREATE INDEX sla_timers_by_due_time ON sla_timers (state, due_time);
