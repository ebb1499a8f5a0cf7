-- +goose Up

-- Words of behaviours: logs, actions, operations, regions, classes of request
-- conditions.
CREATE TABLE usage_words (
  id   BIGINT NOT NULL PRIMARY KEY,
  word TEXT COLLATE "C" NOT NULL UNIQUE
);

-- What uses credentials.
CREATE TABLE usage_consumers (
  id       BIGINT NOT NULL PRIMARY KEY,
  hash     BYTEA NOT NULL UNIQUE,
  kind     TEXT COLLATE "C" NOT NULL,
  name     TEXT COLLATE "C" NOT NULL,
  workload BIGINT,
  network  TEXT COLLATE "C" NOT NULL,
  agent    TEXT COLLATE "C" NOT NULL
);

-- The distinct ways of use, by which events are counted. Refs are resolved to
-- things when they are asked for, so that a join rewrites nothing here. flags: 1 a
-- person acted, 2 interactive.
CREATE TABLE usage_behaviours (
  id         BIGINT NOT NULL PRIMARY KEY,
  hash       BYTEA NOT NULL UNIQUE,
  log        BIGINT NOT NULL,
  realm_id   BIGINT NOT NULL,
  class      TEXT COLLATE "C" NOT NULL,
  identity   BIGINT,
  credential BIGINT,
  via        BIGINT,
  behalf     BIGINT,
  resource   BIGINT,
  consumer   BIGINT NOT NULL,
  action     BIGINT NOT NULL,
  more       BIGINT NOT NULL,
  operation  BIGINT NOT NULL,
  region     BIGINT NOT NULL,
  context    BIGINT NOT NULL,
  outcome    TEXT COLLATE "C" NOT NULL,
  flags      BIGINT NOT NULL,
  first_seen BIGINT NOT NULL
);
CREATE INDEX usage_behaviours_identity ON usage_behaviours (identity) WHERE identity IS NOT NULL;
CREATE INDEX usage_behaviours_credential ON usage_behaviours (credential) WHERE credential IS NOT NULL;
CREATE INDEX usage_behaviours_via ON usage_behaviours (via) WHERE via IS NOT NULL;
CREATE INDEX usage_behaviours_resource ON usage_behaviours (resource) WHERE resource IS NOT NULL;

-- Counts by hour, until they are packed. A lane is written by one process at a
-- time where there are several, so that they do not wait for each other; it has
-- no meaning. first and last are seconds of the hour.
CREATE TABLE usage_hours (
  hour      BIGINT NOT NULL,
  behaviour BIGINT NOT NULL,
  lane      BIGINT NOT NULL,
  n         BIGINT NOT NULL,
  first_s   BIGINT NOT NULL,
  last_s    BIGINT NOT NULL,
  PRIMARY KEY (hour, behaviour, lane)
);

-- Counts of a month of one behaviour, packed: by hour, and by day or month once
-- they are older than their retention.
CREATE TABLE usage_packed (
  behaviour BIGINT NOT NULL,
  month     BIGINT NOT NULL,
  body      BYTEA NOT NULL,
  PRIMARY KEY (behaviour, month)
);

-- Addresses from which a behaviour was seen in a month: their hashes until they
-- are packed, and a sketch of them afterwards.
CREATE TABLE usage_origins (
  month     BIGINT NOT NULL,
  behaviour BIGINT NOT NULL,
  origin    BIGINT NOT NULL,
  PRIMARY KEY (month, behaviour, origin)
);
CREATE TABLE usage_sketches (
  behaviour BIGINT NOT NULL,
  month     BIGINT NOT NULL,
  body      BYTEA NOT NULL,
  PRIMARY KEY (behaviour, month)
);

-- The events that were counted, by the hour in which they happened, for as long
-- as the same event is known again; and on which days events of an hour came,
-- which says how long that is.
CREATE TABLE usage_seen (
  log  BIGINT NOT NULL,
  hour BIGINT NOT NULL,
  hash BIGINT NOT NULL,
  PRIMARY KEY (log, hour, hash)
);
CREATE TABLE usage_seen_hours (
  log    BIGINT NOT NULL,
  hour   BIGINT NOT NULL,
  day    BIGINT NOT NULL,
  purged BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (log, hour, day)
);
CREATE INDEX usage_seen_hours_day ON usage_seen_hours (purged, day);

-- Events that came when their hour was no longer known, by their input.
CREATE TABLE usage_late (
  hash BYTEA NOT NULL PRIMARY KEY,
  at   BIGINT NOT NULL
);

-- Where the reading of each input stands.
CREATE TABLE usage_inputs (
  hash       BYTEA NOT NULL PRIMARY KEY,
  log        BIGINT NOT NULL,
  label      TEXT COLLATE "C" NOT NULL,
  pos        BIGINT NOT NULL,
  cursor     TEXT COLLATE "C" NOT NULL,
  digest     TEXT COLLATE "C" NOT NULL,
  done       BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

-- What each log brought a day: events, repeated, late, unknown, faults.
CREATE TABLE usage_tallies (
  log      BIGINT NOT NULL,
  realm_id BIGINT NOT NULL,
  day      BIGINT NOT NULL,
  what     TEXT COLLATE "C" NOT NULL,
  lane     BIGINT NOT NULL,
  n        BIGINT NOT NULL,
  PRIMARY KEY (log, realm_id, day, what, lane)
);

-- What logs cover, and what they do not.
CREATE TABLE usage_coverage (
  id          BIGINT NOT NULL PRIMARY KEY,
  log         BIGINT NOT NULL,
  realm_id    BIGINT NOT NULL,
  from_at     BIGINT NOT NULL,
  to_at       BIGINT NOT NULL,
  body        TEXT COLLATE "C" NOT NULL,
  recorded_at BIGINT NOT NULL
);
CREATE INDEX usage_coverage_realm ON usage_coverage (realm_id, from_at);

-- What of a log could not be read.
CREATE TABLE usage_faults (
  id          BIGINT NOT NULL PRIMARY KEY,
  log         BIGINT NOT NULL,
  input       TEXT COLLATE "C" NOT NULL,
  place       BIGINT NOT NULL,
  n           BIGINT NOT NULL,
  message     TEXT COLLATE "C" NOT NULL,
  from_at     BIGINT,
  to_at       BIGINT,
  recorded_at BIGINT NOT NULL
);

-- Entries that no reader understood, sealed.
CREATE TABLE usage_unknown (
  name   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  log    BIGINT NOT NULL,
  at     BIGINT NOT NULL,
  sealed BYTEA NOT NULL
);

-- Who created, keyed, changed or read what.
CREATE TABLE usage_touches (
  target    BIGINT NOT NULL,
  behaviour BIGINT NOT NULL,
  kind      TEXT COLLATE "C" NOT NULL,
  lane      BIGINT NOT NULL,
  n         BIGINT NOT NULL,
  first_at  BIGINT NOT NULL,
  last_at   BIGINT NOT NULL,
  PRIMARY KEY (target, behaviour, kind, lane)
);
CREATE INDEX usage_touches_behaviour ON usage_touches (behaviour);

-- Whose use changed since it was last judged.
CREATE TABLE usage_touched (
  ref_id BIGINT NOT NULL,
  lane   BIGINT NOT NULL,
  PRIMARY KEY (ref_id, lane)
);

-- What is concluded about the use of identities and credentials. due_at is when
-- that could change by time alone.
CREATE TABLE usage_verdicts (
  entity_id  BIGINT NOT NULL PRIMARY KEY,
  status     TEXT COLLATE "C" NOT NULL,
  grade      TEXT COLLATE "C" NOT NULL,
  last_used  BIGINT,
  silent     BIGINT,
  due_at     BIGINT,
  judged_at  BIGINT NOT NULL,
  body       TEXT COLLATE "C" NOT NULL
);
CREATE INDEX usage_verdicts_status ON usage_verdicts (status, grade);
CREATE INDEX usage_verdicts_due ON usage_verdicts (due_at) WHERE due_at IS NOT NULL;

-- +goose Down
DROP TABLE usage_verdicts;
DROP TABLE usage_touched;
DROP TABLE usage_touches;
DROP TABLE usage_unknown;
DROP TABLE usage_faults;
DROP TABLE usage_coverage;
DROP TABLE usage_tallies;
DROP TABLE usage_inputs;
DROP TABLE usage_late;
DROP TABLE usage_seen_hours;
DROP TABLE usage_seen;
DROP TABLE usage_sketches;
DROP TABLE usage_origins;
DROP TABLE usage_packed;
DROP TABLE usage_hours;
DROP TABLE usage_behaviours;
DROP TABLE usage_consumers;
DROP TABLE usage_words;
