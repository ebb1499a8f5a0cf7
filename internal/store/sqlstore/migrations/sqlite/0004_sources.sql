-- +goose Up

-- How a source is configured: in the configuration file, through the API, or
-- by a collector that hands it in.
CREATE TABLE source_configs (
  source_id    INTEGER NOT NULL PRIMARY KEY,
  origin       TEXT NOT NULL,
  target       TEXT NOT NULL,
  options      TEXT NOT NULL,
  interval_us  BIGINT NOT NULL,
  jitter_us    BIGINT NOT NULL,
  paused       BIGINT NOT NULL,
  collector_id BIGINT,
  checked      TEXT NOT NULL,
  created_at   BIGINT NOT NULL,
  updated_at   BIGINT NOT NULL,
  updated_by   TEXT NOT NULL,
  version      BIGINT NOT NULL
);

-- Secrets of sources, sealed for their row.
CREATE TABLE source_secrets (
  source_id BIGINT NOT NULL,
  name      TEXT NOT NULL,
  sealed    BLOB NOT NULL,
  set_at    BIGINT NOT NULL,
  set_by    TEXT NOT NULL,
  PRIMARY KEY (source_id, name)
);

-- The secrets with which webhooks that start scans are signed, sealed.
CREATE TABLE source_hooks (
  source_id INTEGER NOT NULL PRIMARY KEY,
  sealed    BLOB NOT NULL,
  set_at    BIGINT NOT NULL,
  set_by    TEXT NOT NULL,
  last_used BIGINT
);

-- Deliveries that were taken, by digest, so that none counts twice.
CREATE TABLE hook_deliveries (
  source_id BIGINT NOT NULL,
  digest    BLOB NOT NULL,
  at        BIGINT NOT NULL,
  scan      TEXT NOT NULL,
  PRIMARY KEY (source_id, digest)
);
CREATE INDEX hook_deliveries_at ON hook_deliveries (at);

-- Requests for scans and what became of them. A source has one that waits and
-- one that runs, at most.
CREATE TABLE scans (
  id           INTEGER NOT NULL PRIMARY KEY,
  public_id    TEXT NOT NULL UNIQUE,
  source_id    BIGINT NOT NULL,
  state        TEXT NOT NULL,
  reason       TEXT NOT NULL,
  actor        TEXT NOT NULL,
  requested_at BIGINT NOT NULL,
  due_at       BIGINT NOT NULL,
  started_at   BIGINT,
  finished_at  BIGINT,
  run          TEXT NOT NULL,
  repeats      TEXT NOT NULL,
  holder       TEXT NOT NULL,
  alive_at     BIGINT,
  cancel_at    BIGINT,
  cancel_by    TEXT NOT NULL,
  progress     TEXT NOT NULL,
  error        TEXT NOT NULL
);
CREATE INDEX scans_source ON scans (source_id, id);
CREATE UNIQUE INDEX scans_waiting ON scans (source_id) WHERE state = 'waiting';
CREATE UNIQUE INDEX scans_running ON scans (source_id) WHERE state = 'running';
CREATE INDEX scans_open ON scans (state, id) WHERE state IN ('waiting', 'running');

CREATE TABLE collectors (
  id              INTEGER NOT NULL PRIMARY KEY,
  public_id       TEXT NOT NULL UNIQUE,
  name            TEXT NOT NULL UNIQUE,
  token           TEXT NOT NULL,
  realms          TEXT NOT NULL,
  enrolment       TEXT NOT NULL,
  recipient       TEXT NOT NULL,
  key_id          TEXT NOT NULL,
  enrolled_at     BIGINT,
  created_at      BIGINT NOT NULL,
  created_by      TEXT NOT NULL,
  last_push       BIGINT,
  program_version TEXT NOT NULL,
  host            TEXT NOT NULL,
  revoked_at      BIGINT,
  version         BIGINT NOT NULL
);
CREATE INDEX collectors_token ON collectors (token);

-- Scans that collectors hand in, and their chunks until they are taken in.
CREATE TABLE uploads (
  id           INTEGER NOT NULL PRIMARY KEY,
  public_id    TEXT NOT NULL UNIQUE,
  collector_id BIGINT NOT NULL,
  digest       TEXT NOT NULL,
  size         BIGINT NOT NULL,
  chunk_size   BIGINT NOT NULL,
  state        TEXT NOT NULL,
  created_at   BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL,
  ended_at     BIGINT,
  taken        BIGINT NOT NULL,
  runs         TEXT NOT NULL,
  refused      BIGINT NOT NULL,
  error        TEXT NOT NULL
);
CREATE UNIQUE INDEX uploads_same ON uploads (collector_id, digest) WHERE state IN ('open', 'waiting');
CREATE INDEX uploads_state ON uploads (state, expires_at);

CREATE TABLE upload_chunks (
  upload_id BIGINT NOT NULL,
  number    BIGINT NOT NULL,
  data      BLOB NOT NULL,
  PRIMARY KEY (upload_id, number)
);

-- +goose Down
DROP TABLE upload_chunks;
DROP TABLE uploads;
DROP TABLE collectors;
DROP TABLE scans;
DROP TABLE hook_deliveries;
DROP TABLE source_hooks;
DROP TABLE source_secrets;
DROP TABLE source_configs;
