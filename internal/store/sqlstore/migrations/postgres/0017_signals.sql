-- +goose Up

-- What is unusual about uses, each thing once. finding is the public id of what
-- tells people of it.
CREATE TABLE usage_signals (
  fingerprint TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  entity_id   BIGINT NOT NULL,
  kind        TEXT COLLATE "C" NOT NULL,
  state       TEXT COLLATE "C" NOT NULL,
  first_at    BIGINT NOT NULL,
  last_at     BIGINT NOT NULL,
  told_at     BIGINT NOT NULL,
  finding     TEXT COLLATE "C" NOT NULL,
  body        TEXT COLLATE "C" NOT NULL
);
CREATE INDEX usage_signals_entity ON usage_signals (entity_id, last_at);
CREATE INDEX usage_signals_last ON usage_signals (last_at, fingerprint);

-- Whose use must be looked at again for signals, though it did not change.
CREATE TABLE usage_signals_due (
  entity_id BIGINT NOT NULL PRIMARY KEY
);

-- What those of a group do on many days. The groups are hashes of what their
-- members have in common.
CREATE TABLE usage_habits (
  entity_id BIGINT NOT NULL,
  grp       TEXT COLLATE "C" NOT NULL,
  body      TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (entity_id, grp)
);
CREATE INDEX usage_habits_grp ON usage_habits (grp, entity_id);

-- What people said is all right.
CREATE TABLE usage_dismissals (
  id         BIGINT NOT NULL PRIMARY KEY,
  public_id  TEXT COLLATE "C" NOT NULL UNIQUE,
  entity_id  BIGINT NOT NULL,
  finding    TEXT COLLATE "C" NOT NULL,
  kind       TEXT COLLATE "C" NOT NULL,
  made_by    TEXT COLLATE "C" NOT NULL,
  reason     TEXT COLLATE "C" NOT NULL,
  made_at    BIGINT NOT NULL,
  until_at   BIGINT,
  revoked_at BIGINT,
  revoked_by TEXT COLLATE "C" NOT NULL DEFAULT '',
  body       TEXT COLLATE "C" NOT NULL
);
CREATE INDEX usage_dismissals_finding ON usage_dismissals (finding);

-- +goose Down
DROP TABLE usage_dismissals;
DROP TABLE usage_habits;
DROP TABLE usage_signals_due;
DROP TABLE usage_signals;
