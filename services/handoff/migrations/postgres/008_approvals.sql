-- +goose Up

-- Exceptions for one lead and track: asked for by anyone, granted by a manager. A row is
-- changed only under the lock of its lead, so that a decision and a revocation never
-- cross.
CREATE TABLE approvals (
    approval_id    TEXT    NOT NULL PRIMARY KEY, -- of the request id, if one was given
    lead_id        TEXT    NOT NULL,
    track          TEXT    NOT NULL,
    state          BIGINT  NOT NULL, -- assay.handoff.v1.Approval.State
    revision       BIGINT  NOT NULL, -- raised by every change: the etag
    requester      TEXT    NOT NULL,
    decider        TEXT    NOT NULL, -- '' while nobody decided
    request_time   BIGINT  NOT NULL,
    expire_time    BIGINT  NOT NULL,
    request_digest BYTEA   NOT NULL, -- SHA-256 of what was asked for
    content        BYTEA   NOT NULL  -- assay.handoff.v1.Approval, whole
);
CREATE INDEX approvals_by_lead ON approvals (lead_id, track, state);
CREATE INDEX approvals_by_time ON approvals (request_time, approval_id);
CREATE INDEX approvals_by_state ON approvals (state, request_time, approval_id);
-- One that waits or stands at a time.
CREATE UNIQUE INDEX approvals_open ON approvals (lead_id, track) WHERE state IN (1, 2);

-- The approval that the handoff used; '' if none.
ALTER TABLE handoffs ADD COLUMN approval_id TEXT NOT NULL DEFAULT '';
