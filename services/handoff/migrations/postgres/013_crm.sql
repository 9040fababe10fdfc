-- +goose Up

-- Where leads are in CRMs. The lease is that of whoever talks to the CRM about the lead.
CREATE TABLE remote_leads (
    destination_id TEXT    NOT NULL,
    lead_id        TEXT    NOT NULL,
    contact_id     TEXT    NOT NULL DEFAULT '', -- the CRM's id; empty: not there yet
    lease_until    BIGINT  NOT NULL DEFAULT 0,
    fence          BIGINT  NOT NULL DEFAULT 0,
    PRIMARY KEY (destination_id, lead_id)
);

-- Where handoffs are in CRMs, and what became of them there.
CREATE TABLE remote_handoffs (
    destination_id TEXT    NOT NULL,
    handoff_id     TEXT    NOT NULL,
    lead_id        TEXT    NOT NULL,
    opportunity_id TEXT    NOT NULL DEFAULT '', -- the CRM's id; empty: not there, as far as is known
    sent_time      BIGINT  NOT NULL DEFAULT 0, -- since when a call has had no answer; 0: none
    seen_state     TEXT    NOT NULL DEFAULT '', -- the last state that was taken or refused, the CRM's word
    refused        TEXT    NOT NULL DEFAULT '', -- why it was refused; empty: it was taken
    update_time    BIGINT  NOT NULL,
    PRIMARY KEY (destination_id, handoff_id)
);
CREATE INDEX remote_handoffs_by_handoff ON remote_handoffs (handoff_id);

-- How far the changes of a CRM are read, by the CRM's clock.
CREATE TABLE crm_polls (
    destination_id TEXT    NOT NULL PRIMARY KEY,
    since_time     BIGINT  NOT NULL DEFAULT 0,
    newest_time    BIGINT  NOT NULL DEFAULT 0,
    after_id       TEXT    NOT NULL DEFAULT '',
    due_time       BIGINT  NOT NULL,
    lease_until    BIGINT  NOT NULL DEFAULT 0,
    fence          BIGINT  NOT NULL DEFAULT 0,
    attempts       BIGINT  NOT NULL DEFAULT 0,
    last_error     TEXT    NOT NULL DEFAULT '',
    state          BIGINT  NOT NULL DEFAULT 0
);
CREATE INDEX crm_polls_by_due_time ON crm_polls (state, due_time);

-- What destinations said, by the id of their message, so that it counts once.
CREATE TABLE outcome_messages (
    destination_id TEXT    NOT NULL,
    message_id     TEXT    NOT NULL,
    handoff_id     TEXT    NOT NULL,
    status         BIGINT  NOT NULL, -- assay.handoff.v1.OutcomeResult.Status
    receive_time   BIGINT  NOT NULL,
    PRIMARY KEY (destination_id, message_id)
);
CREATE INDEX outcome_messages_by_time ON outcome_messages (receive_time);
