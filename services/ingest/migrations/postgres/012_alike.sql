-- +goose Up

-- Where a provider that many use delivers the mail of an address, passing over dots or tags;
-- empty: nobody knows. Addresses are compared once, after they were first named.
ALTER TABLE identities ADD COLUMN mailbox TEXT NOT NULL DEFAULT '';
ALTER TABLE identities ADD COLUMN uncompared BIGINT NOT NULL DEFAULT 0;
CREATE INDEX identities_by_mailbox ON identities (mailbox) WHERE mailbox <> '';
CREATE INDEX identities_uncompared ON identities (kind, value) WHERE uncompared = 1;
-- As the address itself, see 009.
ALTER TABLE identities ALTER COLUMN mailbox SET STATISTICS 0;
