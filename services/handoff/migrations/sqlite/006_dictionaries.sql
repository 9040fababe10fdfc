-- +goose Up

-- Lists of texts that standards read and that have versions of their own.
CREATE TABLE dictionaries (
    dictionary_id  TEXT    NOT NULL PRIMARY KEY,
    active_version TEXT    NOT NULL, -- the one that conditions read
    size           INTEGER NOT NULL, -- of the active version
    create_time    INTEGER NOT NULL,
    update_time    INTEGER NOT NULL
);

-- What they hold: immutable, named by the hash of the content.
CREATE TABLE dictionary_versions (
    dictionary_id  TEXT    NOT NULL REFERENCES dictionaries (dictionary_id),
    version_id     TEXT    NOT NULL,
    content        BLOB   NOT NULL, -- the texts as a JSON list, sorted
    size           INTEGER NOT NULL,
    create_time    INTEGER NOT NULL,
    creator        TEXT    NOT NULL,
    PRIMARY KEY (dictionary_id, version_id)
);
CREATE INDEX dictionary_versions_by_time ON dictionary_versions (dictionary_id, create_time, version_id);
