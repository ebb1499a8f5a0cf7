-- +goose Up

-- What the installation knows about itself: its id, the revision up to which
-- findings are judged, and the like.
CREATE TABLE meta (
  name  TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
);

-- Blocks of internal keys are taken from here.
CREATE TABLE counters (
  name TEXT NOT NULL PRIMARY KEY,
  next BIGINT NOT NULL
);

CREATE TABLE sources (
  id        INTEGER NOT NULL PRIMARY KEY,
  public_id TEXT NOT NULL UNIQUE,
  kind      TEXT NOT NULL,
  name      TEXT NOT NULL UNIQUE,
  target    TEXT NOT NULL
);

CREATE TABLE realms (
  id    INTEGER NOT NULL PRIMARY KEY,
  realm TEXT NOT NULL UNIQUE,
  name  TEXT NOT NULL DEFAULT ''
);

-- The right to write a realm, fenced: a later holder has a greater fence.
CREATE TABLE leases (
  realm      TEXT NOT NULL PRIMARY KEY,
  holder     TEXT NOT NULL,
  fence      BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);

CREATE TABLE runs (
  id          INTEGER NOT NULL PRIMARY KEY,
  public_id   TEXT NOT NULL UNIQUE,
  source_id   BIGINT NOT NULL REFERENCES sources (id),
  state       TEXT NOT NULL,
  started_at  BIGINT NOT NULL,
  finished_at BIGINT,
  actor       TEXT NOT NULL,
  access      TEXT NOT NULL,
  notes       TEXT NOT NULL,
  error       TEXT NOT NULL DEFAULT ''
);
CREATE INDEX runs_source ON runs (source_id, id);

-- A scope as it stands now. completed_at is the observed time of its last
-- whole listing; an observation before it is history.
CREATE TABLE scopes (
  id           INTEGER NOT NULL PRIMARY KEY,
  realm_id     BIGINT NOT NULL REFERENCES realms (id),
  path         TEXT NOT NULL,
  parent_id    BIGINT REFERENCES scopes (id),
  source_id    BIGINT NOT NULL REFERENCES sources (id),
  authority    BIGINT NOT NULL,
  state        TEXT NOT NULL,
  observed_at  BIGINT,
  completed_at BIGINT,
  recorded_at  BIGINT NOT NULL,
  held_ends    BIGINT NOT NULL DEFAULT 0,
  held_run     BIGINT,
  facts        BIGINT NOT NULL DEFAULT 0,
  basis        TEXT NOT NULL DEFAULT '',
  problems     TEXT NOT NULL DEFAULT '[]',
  missing      TEXT NOT NULL DEFAULT '[]',
  UNIQUE (realm_id, path)
);
CREATE INDEX scopes_parent ON scopes (parent_id);

-- One row for each scope of each run that was recorded; its id is the
-- revision. An observation of a scope, complete or not.
CREATE TABLE revisions (
  rev         INTEGER NOT NULL PRIMARY KEY,
  scope_id    BIGINT NOT NULL REFERENCES scopes (id),
  run_id      BIGINT NOT NULL REFERENCES runs (id),
  state       TEXT NOT NULL,
  observed_at BIGINT NOT NULL,
  recorded_at BIGINT NOT NULL,
  counts      TEXT NOT NULL,
  basis       TEXT NOT NULL,
  problems    TEXT NOT NULL
);
CREATE INDEX revisions_scope ON revisions (scope_id, observed_at);
CREATE INDEX revisions_run ON revisions (run_id);

-- Every ref that a fact is about or points at. entity_id is NULL while no fact
-- about it has been seen.
CREATE TABLE refs (
  id        INTEGER NOT NULL PRIMARY KEY,
  hash      BLOB NOT NULL UNIQUE,
  realm_id  BIGINT NOT NULL REFERENCES realms (id),
  kind      TEXT NOT NULL,
  key       TEXT NOT NULL,
  entity_id BIGINT
);
CREATE INDEX refs_entity ON refs (entity_id);

-- Versions of facts. A version says: from obs_from until obs_to (observed
-- time; NULL: still) the scope stated this. It was believed to go on from
-- revision rev_from until rev_to; dropped_rev marks a version that later
-- knowledge replaced altogether.
CREATE TABLE facts (
  id          INTEGER NOT NULL PRIMARY KEY,
  scope_id    BIGINT NOT NULL,
  type        BIGINT NOT NULL,
  ref_hash    BLOB NOT NULL,
  ref_id      BIGINT,
  content     BLOB NOT NULL,
  body        TEXT NOT NULL,
  document    BLOB,
  obs_from    BIGINT NOT NULL,
  obs_to      BIGINT,
  rev_from    BIGINT NOT NULL,
  rev_to      BIGINT,
  dropped_rev BIGINT
);
CREATE UNIQUE INDEX facts_current ON facts (scope_id, type, ref_hash, content) WHERE rev_to IS NULL;
CREATE INDEX facts_ref ON facts (ref_id) WHERE ref_id IS NOT NULL;
CREATE INDEX facts_ended ON facts (scope_id, type, ref_hash, obs_from) WHERE rev_to IS NOT NULL;

-- What a fact points at.
CREATE TABLE edges (
  ref_id  BIGINT NOT NULL,
  role    BIGINT NOT NULL,
  fact_id BIGINT NOT NULL,
  PRIMARY KEY (ref_id, role, fact_id)
) WITHOUT ROWID;

CREATE INDEX edges_fact ON edges (fact_id);

-- Policy documents, once by content hash.
CREATE TABLE documents (
  hash     BLOB NOT NULL PRIMARY KEY,
  language TEXT NOT NULL,
  body     TEXT NOT NULL
);

-- By what observations of credentials are known to be one: keyed fingerprints,
-- provider ids, public keys. kind is "fp:<key id>" for fingerprints.
CREATE TABLE credential_keys (
  kind   TEXT NOT NULL,
  value  TEXT NOT NULL,
  ref_id BIGINT NOT NULL,
  PRIMARY KEY (kind, value, ref_id)
) WITHOUT ROWID;
CREATE INDEX credential_keys_ref ON credential_keys (ref_id);

-- Which entity a ref belongs to beyond the one that it minted, with the
-- reason, versioned.
CREATE TABLE joins (
  id        INTEGER NOT NULL PRIMARY KEY,
  ref_id    BIGINT NOT NULL,
  entity_id BIGINT NOT NULL,
  previous  BIGINT,
  reason    TEXT NOT NULL,
  rev_from  BIGINT NOT NULL,
  rev_to    BIGINT
);
CREATE INDEX joins_ref ON joins (ref_id);

-- The joined, current view of a thing. Columns are projected from its facts,
-- the most authoritative first; owner and the labels come from governance.
CREATE TABLE entities (
  id          INTEGER NOT NULL PRIMARY KEY,
  public_id   TEXT NOT NULL UNIQUE,
  type        BIGINT NOT NULL,
  ref_id      BIGINT NOT NULL,
  scope_id    BIGINT NOT NULL,
  name        TEXT NOT NULL,
  kind        TEXT NOT NULL,
  subtype     TEXT NOT NULL,
  class       TEXT NOT NULL,
  state       TEXT NOT NULL,
  environment TEXT NOT NULL,
  criticality TEXT NOT NULL,
  data_class  TEXT NOT NULL,
  managed     TEXT NOT NULL,
  owner       TEXT NOT NULL,
  container_id BIGINT,
  created_at  BIGINT,
  expires_at  BIGINT,
  first_seen  BIGINT NOT NULL,
  gone_at     BIGINT,
  touched_rev BIGINT NOT NULL,
  labels      TEXT NOT NULL
);
CREATE INDEX entities_touched ON entities (touched_rev);
CREATE INDEX entities_type ON entities (type, kind);

-- A merged entity's id leads to the one that it was merged into.
CREATE TABLE entity_redirects (
  public_id TEXT NOT NULL PRIMARY KEY,
  entity_id BIGINT NOT NULL,
  rev       BIGINT NOT NULL
);

-- Observations of use, append-only and outside content hashes.
CREATE TABLE uses (
  id          INTEGER NOT NULL PRIMARY KEY,
  hash        BLOB NOT NULL UNIQUE,
  subject_id  BIGINT NOT NULL,
  scope_id    BIGINT NOT NULL,
  meaning     TEXT NOT NULL,
  at          BIGINT,
  observed_at BIGINT NOT NULL,
  rev         BIGINT NOT NULL,
  body        TEXT NOT NULL
);
CREATE INDEX uses_subject ON uses (subject_id, at);

CREATE TABLE findings (
  id          INTEGER NOT NULL PRIMARY KEY,
  public_id   TEXT NOT NULL UNIQUE,
  fingerprint TEXT NOT NULL UNIQUE,
  rule        TEXT NOT NULL,
  entity_id   BIGINT NOT NULL,
  severity    BIGINT NOT NULL,
  state       TEXT NOT NULL,
  suppressed  TEXT NOT NULL,
  priority    BIGINT NOT NULL,
  family      TEXT NOT NULL,
  fix         TEXT NOT NULL,
  first_seen  BIGINT NOT NULL,
  last_seen   BIGINT NOT NULL,
  resolved_at BIGINT,
  body        TEXT NOT NULL
);
CREATE INDEX findings_entity ON findings (entity_id);
CREATE INDEX findings_state ON findings (state, priority);

-- Every state and content that a finding has had.
CREATE TABLE finding_versions (
  id         INTEGER NOT NULL PRIMARY KEY,
  finding_id BIGINT NOT NULL,
  from_at    BIGINT NOT NULL,
  to_at      BIGINT,
  body       TEXT NOT NULL
);
CREATE INDEX finding_versions_finding ON finding_versions (finding_id, from_at);
CREATE INDEX finding_versions_time ON finding_versions (from_at);

-- Versions of the governance record of an entity; to_at NULL is the one in
-- force.
CREATE TABLE registrations (
  id        INTEGER NOT NULL PRIMARY KEY,
  entity_id BIGINT NOT NULL,
  from_at   BIGINT NOT NULL,
  to_at     BIGINT,
  actor     TEXT NOT NULL,
  body      TEXT NOT NULL
);
CREATE INDEX registrations_entity ON registrations (entity_id, from_at);

-- Decisions on a family of findings that are not there yet.
CREATE TABLE acceptances (
  id     INTEGER NOT NULL PRIMARY KEY,
  family TEXT NOT NULL,
  body   TEXT NOT NULL,
  until  BIGINT NOT NULL
);
CREATE INDEX acceptances_family ON acceptances (family);

-- The audit log: append-only, hash-chained.
CREATE TABLE records (
  seq       INTEGER NOT NULL PRIMARY KEY,
  public_id TEXT NOT NULL UNIQUE,
  at        BIGINT NOT NULL,
  actor     TEXT NOT NULL,
  action    TEXT NOT NULL,
  subject   TEXT NOT NULL,
  details   TEXT NOT NULL,
  prev_hash TEXT NOT NULL,
  hash      TEXT NOT NULL
);

CREATE TABLE ledger_head (
  id   INTEGER NOT NULL PRIMARY KEY,
  seq  BIGINT NOT NULL,
  hash TEXT NOT NULL
);
INSERT INTO ledger_head (id, seq, hash) VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- Personal data that records commit to, erasable.
CREATE TABLE record_payloads (
  seq     BIGINT NOT NULL,
  name    TEXT NOT NULL,
  salt    TEXT NOT NULL,
  payload TEXT NOT NULL,
  PRIMARY KEY (seq, name)
);

-- +goose Down
DROP TABLE record_payloads;
DROP TABLE ledger_head;
DROP TABLE records;
DROP TABLE acceptances;
DROP TABLE registrations;
DROP TABLE finding_versions;
DROP TABLE findings;
DROP TABLE uses;
DROP TABLE entity_redirects;
DROP TABLE entities;
DROP TABLE joins;
DROP TABLE credential_keys;
DROP TABLE documents;
DROP TABLE edges;
DROP TABLE facts;
DROP TABLE refs;
DROP TABLE revisions;
DROP TABLE scopes;
DROP TABLE runs;
DROP TABLE leases;
DROP TABLE realms;
DROP TABLE sources;
DROP TABLE counters;
DROP TABLE meta;
