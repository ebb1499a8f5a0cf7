-- +goose Up

-- Who answered for an identity, from when until when, and why: how is
-- "explicit", "rule" or "fallback", rule the rule's id. to_at NULL is the one
-- in force. Without a row, or with an empty owner, nobody did.
CREATE TABLE ownerships (
  id        INTEGER NOT NULL PRIMARY KEY,
  entity_id BIGINT NOT NULL,
  from_at   BIGINT NOT NULL,
  to_at     BIGINT,
  owner     TEXT NOT NULL,
  backup    TEXT NOT NULL,
  how       TEXT NOT NULL,
  rule      TEXT NOT NULL,
  why       TEXT NOT NULL,
  actor     TEXT NOT NULL
);
CREATE UNIQUE INDEX ownerships_current ON ownerships (entity_id) WHERE to_at IS NULL;
CREATE INDEX ownerships_entity ON ownerships (entity_id, from_at);
CREATE INDEX ownerships_rule ON ownerships (rule) WHERE to_at IS NULL;
CREATE INDEX ownerships_owner ON ownerships (owner) WHERE to_at IS NULL;

-- Versions of the ordered list of ownership rules; to_at NULL is in force.
CREATE TABLE ownership_rules (
  id      INTEGER NOT NULL PRIMARY KEY,
  from_at BIGINT NOT NULL,
  to_at   BIGINT,
  actor   TEXT NOT NULL,
  body    TEXT NOT NULL
);

-- Suggested owners that somebody turned down for an identity.
CREATE TABLE owner_denials (
  entity_id BIGINT NOT NULL,
  candidate TEXT NOT NULL,
  at        BIGINT NOT NULL,
  actor     TEXT NOT NULL,
  reason    TEXT NOT NULL,
  PRIMARY KEY (entity_id, candidate)
);

-- What a bulk action replaced, for a few minutes. token is the hash of the
-- word that the caller was given.
CREATE TABLE undos (
  token      TEXT NOT NULL PRIMARY KEY,
  caller     TEXT NOT NULL,
  kind       TEXT NOT NULL,
  made_at    BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at    BIGINT,
  body       TEXT NOT NULL
);
CREATE INDEX undos_expires ON undos (expires_at);

-- Views of lists that accounts saved, and what accounts prefer.
CREATE TABLE saved_views (
  id         INTEGER NOT NULL PRIMARY KEY,
  public_id  TEXT NOT NULL UNIQUE,
  account    TEXT NOT NULL,
  list       TEXT NOT NULL,
  name       TEXT NOT NULL,
  shared     BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  body       TEXT NOT NULL
);
CREATE UNIQUE INDEX saved_views_name ON saved_views (account, list, name);
CREATE TABLE preferences (
  account    TEXT NOT NULL PRIMARY KEY,
  updated_at BIGINT NOT NULL,
  body       TEXT NOT NULL
);

-- Answers to actions that carried an idempotency key, for a day; answer is
-- NULL while the action is under way.
CREATE TABLE action_answers (
  caller    TEXT NOT NULL,
  operation TEXT NOT NULL,
  key       TEXT NOT NULL,
  request   TEXT NOT NULL,
  at        BIGINT NOT NULL,
  answer    BLOB,
  PRIMARY KEY (caller, operation, key)
);
CREATE INDEX action_answers_at ON action_answers (at);

-- +goose Down
DROP TABLE action_answers;
DROP TABLE preferences;
DROP TABLE saved_views;
DROP TABLE undos;
DROP TABLE owner_denials;
DROP TABLE ownership_rules;
DROP TABLE ownerships;
