-- +goose Up

-- What happened to each standard, in order: the records of versions created, signed
-- off and published, of standards retired, and of feedback. Never changed.
CREATE TABLE standard_log (
    standard_id    TEXT    NOT NULL REFERENCES standards (standard_id),
    sequence       INTEGER NOT NULL, -- 1, 2, … for each standard
    kind           TEXT    NOT NULL, -- created, signed_off, published, retired, feedback
    version_id     TEXT    NOT NULL, -- '' when retired; of feedback the active one, or ''
    side           TEXT    NOT NULL, -- marketing or sales if signed_off, else ''
    actor          TEXT    NOT NULL,
    create_time    INTEGER NOT NULL,
    comment        TEXT    NOT NULL, -- of the signer; why outside of the window; the feedback
    window_overridden INTEGER NOT NULL, -- 1: published although the change window was shut
    lead_id        TEXT    NOT NULL, -- of feedback: the lead, or ''
    rule_id        TEXT    NOT NULL, -- of feedback: the rule, or ''
    PRIMARY KEY (standard_id, sequence)
);
-- A side signs a version once.
CREATE UNIQUE INDEX standard_log_sign_offs ON standard_log (standard_id, version_id, side) WHERE kind = 'signed_off';
CREATE INDEX standard_log_by_version ON standard_log (standard_id, version_id, kind, sequence);
CREATE INDEX standard_log_feedback ON standard_log (standard_id, sequence) WHERE kind = 'feedback';

-- How long the log of a standard is: the one row that its writers take turns at.
ALTER TABLE standards ADD COLUMN log_size INTEGER NOT NULL DEFAULT 0;

-- The records so far. What the installation itself made, it also agreed to.
INSERT INTO standard_log (standard_id, sequence, kind, version_id, side, actor, create_time, comment, window_overridden, lead_id, rule_id)
SELECT standard_id, ROW_NUMBER() OVER (PARTITION BY standard_id ORDER BY create_time, step, number, version_id),
       kind, version_id, side, actor, create_time, '', 0, '', ''
FROM (
    SELECT standard_id, version_id, create_time, creator AS actor, 'created' AS kind, '' AS side, 1 AS step, 0 AS number
    FROM standard_versions
    UNION ALL
    SELECT standard_id, version_id, create_time, creator, 'signed_off', 'marketing', 2, 0
    FROM standard_versions WHERE creator = 'system:bootstrap'
    UNION ALL
    SELECT standard_id, version_id, create_time, creator, 'signed_off', 'sales', 3, 0
    FROM standard_versions WHERE creator = 'system:bootstrap'
    UNION ALL
    SELECT standard_id, version_id, create_time, actor, CASE version_id WHEN '' THEN 'retired' ELSE 'published' END, '', 4, sequence
    FROM standard_publications
) AS past;
UPDATE standards SET log_size = (SELECT COUNT(*) FROM standard_log WHERE standard_log.standard_id = standards.standard_id);
DROP TABLE standard_publications;
