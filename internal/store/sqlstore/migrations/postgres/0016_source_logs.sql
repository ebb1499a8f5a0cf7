-- +goose Up

-- Which logs of a source the server reads by itself, and how that stands. signs
-- counts the signs of life of the process that reads: others hold it against
-- nothing but what they saw before.
CREATE TABLE source_logs (
  source_id   BIGINT NOT NULL PRIMARY KEY,
  target      TEXT COLLATE "C" NOT NULL,
  interval_us BIGINT NOT NULL,
  paused_by   TEXT COLLATE "C" NOT NULL,
  paused_at   BIGINT,
  due_at      BIGINT NOT NULL,
  asked_at    BIGINT,
  asked_by    TEXT COLLATE "C" NOT NULL,
  holder      TEXT COLLATE "C" NOT NULL,
  signs       BIGINT NOT NULL,
  started_at  BIGINT,
  tried_at    BIGINT,
  read_at     BIGINT,
  failures    BIGINT NOT NULL,
  error       TEXT COLLATE "C" NOT NULL,
  standing    TEXT COLLATE "C" NOT NULL
);
CREATE INDEX source_logs_due ON source_logs (due_at);

-- Somebody's word that what was read of a log is all that it held in a stretch of
-- time, until it is withdrawn.
CREATE TABLE usage_attestations (
  id           BIGINT NOT NULL PRIMARY KEY,
  log          BIGINT NOT NULL,
  realm_id     BIGINT NOT NULL,
  from_at      BIGINT NOT NULL,
  to_at        BIGINT NOT NULL,
  attested_by  TEXT COLLATE "C" NOT NULL,
  attested_at  BIGINT NOT NULL,
  withdrawn_by TEXT COLLATE "C" NOT NULL,
  withdrawn_at BIGINT
);
CREATE INDEX usage_attestations_realm ON usage_attestations (realm_id, log);

-- +goose Down
DROP TABLE usage_attestations;
DROP TABLE source_logs;
