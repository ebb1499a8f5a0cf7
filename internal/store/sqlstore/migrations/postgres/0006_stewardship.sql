-- +goose Up

-- Who answered for an identity, from when until when, and why: how is
-- "explicit", "rule" or "fallback", rule the rule's id. to_at NULL is the one
-- in force. Without a row, or with an empty owner, nobody did.
CREATE TABLE ownerships (
  id        BIGINT NOT NULL PRIMARY KEY,
  entity_id BIGINT NOT NULL,
  from_at   BIGINT NOT NULL,
  to_at     BIGINT,
  owner     TEXT COLLATE "C" NOT NULL,
  backup    TEXT COLLATE "C" NOT NULL,
  how       TEXT COLLATE "C" NOT NULL,
  rule      TEXT COLLATE "C" NOT NULL,
  why       TEXT COLLATE "C" NOT NULL,
  actor     TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX ownerships_current ON ownerships (entity_id) WHERE to_at IS NULL;
CREATE INDEX ownerships_entity ON ownerships (entity_id, from_at);
CREATE INDEX ownerships_rule ON ownerships (rule) WHERE to_at IS NULL;
CREATE INDEX ownerships_owner ON ownerships (owner) WHERE to_at IS NULL;

-- Versions of the ordered list of ownership rules; to_at NULL is in force.
CREATE TABLE ownership_rules (
  id      BIGINT NOT NULL PRIMARY KEY,
  from_at BIGINT NOT NULL,
  to_at   BIGINT,
  actor   TEXT COLLATE "C" NOT NULL,
  body    TEXT COLLATE "C" NOT NULL
);

-- Suggested owners that somebody turned down for an identity.
CREATE TABLE owner_denials (
  entity_id BIGINT NOT NULL,
  candidate TEXT COLLATE "C" NOT NULL,
  at        BIGINT NOT NULL,
  actor     TEXT COLLATE "C" NOT NULL,
  reason    TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (entity_id, candidate)
);

-- What a bulk action replaced, for a few minutes. token is the hash of the
-- word that the caller was given.
CREATE TABLE undos (
  token      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  caller     TEXT COLLATE "C" NOT NULL,
  kind       TEXT COLLATE "C" NOT NULL,
  made_at    BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at    BIGINT,
  body       TEXT COLLATE "C" NOT NULL
);
CREATE INDEX undos_expires ON undos (expires_at);

-- Views of lists that accounts saved, and what accounts prefer.
CREATE TABLE saved_views (
  id         BIGINT NOT NULL PRIMARY KEY,
  public_id  TEXT COLLATE "C" NOT NULL UNIQUE,
  account    TEXT COLLATE "C" NOT NULL,
  list       TEXT COLLATE "C" NOT NULL,
  name       TEXT COLLATE "C" NOT NULL,
  shared     BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  body       TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX saved_views_name ON saved_views (account, list, name);
CREATE TABLE preferences (
  account    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  updated_at BIGINT NOT NULL,
  body       TEXT COLLATE "C" NOT NULL
);

-- Answers to actions that carried an idempotency key, for a day; answer is
-- NULL while the action is under way.
CREATE TABLE action_answers (
  caller    TEXT COLLATE "C" NOT NULL,
  operation TEXT COLLATE "C" NOT NULL,
  key       TEXT COLLATE "C" NOT NULL,
  request   TEXT COLLATE "C" NOT NULL,
  at        BIGINT NOT NULL,
  answer    BYTEA,
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
