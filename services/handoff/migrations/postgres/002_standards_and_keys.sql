-- +goose Up

-- The standards and which of their versions decides.
CREATE TABLE standards (
    standard_id    TEXT   NOT NULL PRIMARY KEY,
    display_name   TEXT   NOT NULL,
    active_version TEXT   NOT NULL, -- '' while none decides
    create_time    BIGINT NOT NULL,
    update_time    BIGINT NOT NULL
);

-- What standards say: immutable, named by the hash of the content.
CREATE TABLE standard_versions (
    standard_id    TEXT   NOT NULL REFERENCES standards (standard_id),
    version_id     TEXT   NOT NULL,
    content        BYTEA  NOT NULL, -- canonical JSON
    content_hash   BYTEA  NOT NULL, -- SHA-256
    create_time    BIGINT NOT NULL,
    creator        TEXT   NOT NULL,
    PRIMARY KEY (standard_id, version_id)
);
CREATE INDEX standard_versions_by_time ON standard_versions (standard_id, create_time, version_id);

-- Who published or retired what, when: the log, never changed.
CREATE TABLE standard_publications (
    standard_id    TEXT   NOT NULL REFERENCES standards (standard_id),
    sequence       BIGINT NOT NULL, -- 1, 2, … for each standard
    version_id     TEXT   NOT NULL, -- '' when it was retired
    create_time    BIGINT NOT NULL,
    actor          TEXT   NOT NULL,
    PRIMARY KEY (standard_id, sequence)
);

-- Who may call. Secrets are not here, only their SHA-256.
CREATE TABLE api_keys (
    key_id         TEXT   NOT NULL PRIMARY KEY,
    actor          TEXT   NOT NULL,
    role           BIGINT NOT NULL, -- assay.type.v1.Role
    secret_hash    BYTEA  NOT NULL UNIQUE,
    create_time    BIGINT NOT NULL,
    revoke_time    BIGINT NOT NULL -- 0 while it is valid
);
CREATE INDEX api_keys_by_time ON api_keys (create_time, key_id);
