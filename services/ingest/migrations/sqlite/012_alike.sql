-- +goose Up

-- Where a provider that many use delivers the mail of an address, passing over dots or tags;
-- empty: nobody knows. Addresses are compared once, after they were first named.
ALTER TABLE identities ADD COLUMN mailbox TEXT NOT NULL DEFAULT '';
ALTER TABLE identities ADD COLUMN uncompared INTEGER NOT NULL DEFAULT 0;
CREATE INDEX identities_by_mailbox ON identities (mailbox) WHERE mailbox <> '';
CREATE INDEX identities_uncompared ON identities (kind, value) WHERE uncompared = 1;
