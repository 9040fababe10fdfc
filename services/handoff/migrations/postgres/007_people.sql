-- +goose Up

-- Who works with Assay. The id is the name that records show.
CREATE TABLE users (
    user_id          TEXT    NOT NULL PRIMARY KEY,
    revision         BIGINT NOT NULL,
    role             BIGINT NOT NULL, -- assay.type.v1.Role
    inactive         BIGINT NOT NULL, -- 1: left, or may not call any more
    email            TEXT    NOT NULL, -- in small letters; '' for none
    issuer           TEXT    NOT NULL, -- of the subject; '' until a token came
    subject          TEXT    NOT NULL, -- of the user's tokens; '' for none
    last_active_time BIGINT NOT NULL, -- to the hour; 0 for never
    create_time      BIGINT NOT NULL,
    update_time      BIGINT NOT NULL,
    content          BYTEA   NOT NULL -- assay.handoff.v1.User: the rest
);
CREATE UNIQUE INDEX users_by_email ON users (email) WHERE email <> '';
CREATE UNIQUE INDEX users_by_subject ON users (subject) WHERE subject <> '';

-- What other systems call them.
CREATE TABLE user_remote_ids (
    remote_id TEXT NOT NULL,
    user_id   TEXT NOT NULL REFERENCES users (user_id),
    system    TEXT NOT NULL,
    PRIMARY KEY (remote_id, user_id, system)
);
CREATE INDEX user_remote_ids_by_user ON user_remote_ids (user_id);

-- Who works together.
CREATE TABLE teams (
    team_id     TEXT    NOT NULL PRIMARY KEY,
    revision    BIGINT NOT NULL,
    manager     TEXT    NOT NULL, -- the id of a user; '' for none
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    content     BYTEA   NOT NULL -- assay.handoff.v1.Team: the rest
);
CREATE TABLE team_members (
    team_id  TEXT    NOT NULL REFERENCES teams (team_id),
    user_id  TEXT    NOT NULL REFERENCES users (user_id),
    position BIGINT NOT NULL, -- as the members were given
    weight   BIGINT NOT NULL,
    paused   BIGINT NOT NULL,
    PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_members_by_user ON team_members (user_id, team_id);

-- How many handoffs somebody has.
CREATE INDEX handoffs_by_owner ON handoffs (owner, state);

-- Keys that end by themselves, and when they were last used.
ALTER TABLE api_keys ADD COLUMN expire_time BIGINT NOT NULL DEFAULT 0; -- 0: never
ALTER TABLE api_keys ADD COLUMN last_use_time BIGINT NOT NULL DEFAULT 0; -- to the hour; 0: never
