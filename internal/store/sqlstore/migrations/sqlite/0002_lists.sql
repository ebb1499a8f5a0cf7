-- +goose Up

-- What lists filter and order by stands in the entity's row: its source, what
-- it is found by (search: name and key in lower case), who holds a credential
-- (holder_id: a ref), since when a credential's value is what it is (born_at),
-- its open findings, and since when the row is what it is (version_from,
-- observed time). marks are the keys of entity_marks in which it stands.
ALTER TABLE entities ADD COLUMN source_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE entities ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE entities ADD COLUMN search TEXT NOT NULL DEFAULT '';
ALTER TABLE entities ADD COLUMN crit_rank BIGINT NOT NULL DEFAULT 0;
ALTER TABLE entities ADD COLUMN holder_id BIGINT;
ALTER TABLE entities ADD COLUMN born_at BIGINT;
ALTER TABLE entities ADD COLUMN static BIGINT NOT NULL DEFAULT 0;
ALTER TABLE entities ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;
ALTER TABLE entities ADD COLUMN open_critical BIGINT NOT NULL DEFAULT 0;
ALTER TABLE entities ADD COLUMN open_high BIGINT NOT NULL DEFAULT 0;
ALTER TABLE entities ADD COLUMN open_medium BIGINT NOT NULL DEFAULT 0;
ALTER TABLE entities ADD COLUMN open_low BIGINT NOT NULL DEFAULT 0;
ALTER TABLE entities ADD COLUMN open_info BIGINT NOT NULL DEFAULT 0;
ALTER TABLE entities ADD COLUMN worst BIGINT NOT NULL DEFAULT 9;
ALTER TABLE entities ADD COLUMN credentials BIGINT NOT NULL DEFAULT 0;
ALTER TABLE entities ADD COLUMN privileged BIGINT NOT NULL DEFAULT 0;
ALTER TABLE entities ADD COLUMN third_party BIGINT NOT NULL DEFAULT 0;
ALTER TABLE entities ADD COLUMN marks TEXT NOT NULL DEFAULT '';
ALTER TABLE entities ADD COLUMN last_used BIGINT;
ALTER TABLE entities ADD COLUMN version_from BIGINT NOT NULL DEFAULT 0;
DROP INDEX entities_type;
CREATE INDEX entities_by_name ON entities (type, search, id) WHERE gone_at IS NULL;
CREATE INDEX entities_by_kind ON entities (type, kind, id) WHERE gone_at IS NULL;
CREATE INDEX entities_by_source ON entities (type, source, id) WHERE gone_at IS NULL;
CREATE INDEX entities_by_owner ON entities (type, owner, id) WHERE gone_at IS NULL;
CREATE INDEX entities_by_environment ON entities (type, environment, id) WHERE gone_at IS NULL;
CREATE INDEX entities_by_criticality ON entities (type, crit_rank, id) WHERE gone_at IS NULL;
CREATE INDEX entities_by_created ON entities (type, created_at, id) WHERE gone_at IS NULL;
CREATE INDEX entities_by_expires ON entities (type, expires_at, id) WHERE gone_at IS NULL;
CREATE INDEX entities_by_used ON entities (type, last_used, id) WHERE gone_at IS NULL;
CREATE INDEX entities_by_seen ON entities (type, first_seen, id) WHERE gone_at IS NULL;
CREATE INDEX entities_by_priority ON entities (type, priority, id) WHERE gone_at IS NULL;
CREATE INDEX entities_by_credentials ON entities (type, credentials, id) WHERE gone_at IS NULL;
CREATE INDEX entities_worst ON entities (type, worst) WHERE gone_at IS NULL AND worst < 9;
CREATE INDEX entities_privileged ON entities (type) WHERE gone_at IS NULL AND privileged = 1;
CREATE INDEX entities_third_party ON entities (type) WHERE gone_at IS NULL AND third_party = 1;
CREATE INDEX entities_gone ON entities (type, gone_at) WHERE gone_at IS NOT NULL;
CREATE INDEX entities_of_source ON entities (source_id);
CREATE INDEX entities_container ON entities (container_id) WHERE container_id IS NOT NULL;
CREATE INDEX entities_holder ON entities (holder_id) WHERE holder_id IS NOT NULL;

-- By what else than its source and its container an entity is visible or
-- found: labels, owners, further sources. mark is a hash of sort and value.
CREATE TABLE entity_marks (
  mark      BIGINT NOT NULL,
  entity_id BIGINT NOT NULL,
  PRIMARY KEY (mark, entity_id)
) WITHOUT ROWID;

-- Rows that entities had before, for lists as of a date: from from_at until
-- to_at, observed time. id is the entity's.
CREATE TABLE entity_versions (
  id           BIGINT NOT NULL,
  from_at      BIGINT NOT NULL,
  to_at        BIGINT NOT NULL,
  public_id    TEXT NOT NULL,
  type         BIGINT NOT NULL,
  ref_id       BIGINT NOT NULL,
  scope_id     BIGINT NOT NULL,
  name         TEXT NOT NULL,
  kind         TEXT NOT NULL,
  subtype      TEXT NOT NULL,
  class        TEXT NOT NULL,
  state        TEXT NOT NULL,
  environment  TEXT NOT NULL,
  criticality  TEXT NOT NULL,
  data_class   TEXT NOT NULL,
  managed      TEXT NOT NULL,
  owner        TEXT NOT NULL,
  container_id BIGINT,
  created_at   BIGINT,
  expires_at   BIGINT,
  first_seen   BIGINT NOT NULL,
  source_id    BIGINT NOT NULL,
  source       TEXT NOT NULL,
  search       TEXT NOT NULL,
  crit_rank    BIGINT NOT NULL,
  holder_id    BIGINT,
  born_at      BIGINT,
  static       BIGINT NOT NULL,
  priority     BIGINT NOT NULL,
  open_critical BIGINT NOT NULL,
  open_high    BIGINT NOT NULL,
  open_medium  BIGINT NOT NULL,
  open_low     BIGINT NOT NULL,
  open_info    BIGINT NOT NULL,
  worst        BIGINT NOT NULL,
  credentials  BIGINT NOT NULL,
  privileged   BIGINT NOT NULL,
  third_party  BIGINT NOT NULL,
  PRIMARY KEY (id, from_at)
);
CREATE INDEX entity_versions_time ON entity_versions (type, to_at);

-- Figures that are kept while what they count changes. key is the values of
-- what is counted, by figure.
CREATE TABLE figures (
  name      TEXT NOT NULL,
  source_id BIGINT NOT NULL,
  key       TEXT NOT NULL,
  n         BIGINT NOT NULL,
  PRIMARY KEY (name, source_id, key)
);

-- The population, a row a day and source. complete is 1 where every scope of
-- the source stood complete that day.
CREATE TABLE population (
  day         TEXT NOT NULL,
  source_id   BIGINT NOT NULL,
  source      TEXT NOT NULL,
  complete    BIGINT NOT NULL,
  written_at  BIGINT NOT NULL,
  body        TEXT NOT NULL,
  PRIMARY KEY (day, source_id)
);

-- What lists of findings filter and order by.
ALTER TABLE findings ADD COLUMN source_id BIGINT NOT NULL DEFAULT 0;
ALTER TABLE findings ADD COLUMN search TEXT NOT NULL DEFAULT '';
ALTER TABLE findings ADD COLUMN owasp TEXT NOT NULL DEFAULT '';
ALTER TABLE findings ADD COLUMN assignee TEXT NOT NULL DEFAULT '';
ALTER TABLE finding_versions ADD COLUMN severity BIGINT NOT NULL DEFAULT 0;
ALTER TABLE finding_versions ADD COLUMN state TEXT NOT NULL DEFAULT '';
ALTER TABLE finding_versions ADD COLUMN suppressed TEXT NOT NULL DEFAULT '';
ALTER TABLE finding_versions ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;
ALTER TABLE finding_versions ADD COLUMN last_seen BIGINT NOT NULL DEFAULT 0;
CREATE INDEX findings_by_priority ON findings (priority, id);
CREATE INDEX findings_by_severity ON findings (severity, id);
CREATE INDEX findings_by_rule ON findings (rule, id);
CREATE INDEX findings_by_name ON findings (search, id);
CREATE INDEX findings_by_seen ON findings (first_seen, id);
CREATE INDEX findings_by_last ON findings (last_seen, id);
CREATE INDEX findings_source ON findings (source_id);
CREATE INDEX findings_family ON findings (family);

-- +goose Down
DROP INDEX findings_family;
DROP INDEX findings_source;
DROP INDEX findings_by_last;
DROP INDEX findings_by_seen;
DROP INDEX findings_by_name;
DROP INDEX findings_by_rule;
DROP INDEX findings_by_severity;
DROP INDEX findings_by_priority;
ALTER TABLE finding_versions DROP COLUMN last_seen;
ALTER TABLE finding_versions DROP COLUMN priority;
ALTER TABLE finding_versions DROP COLUMN suppressed;
ALTER TABLE finding_versions DROP COLUMN state;
ALTER TABLE finding_versions DROP COLUMN severity;
ALTER TABLE findings DROP COLUMN assignee;
ALTER TABLE findings DROP COLUMN owasp;
ALTER TABLE findings DROP COLUMN search;
ALTER TABLE findings DROP COLUMN source_id;
DROP TABLE population;
DROP TABLE figures;
DROP TABLE entity_versions;
DROP TABLE entity_marks;
DROP INDEX entities_holder;
DROP INDEX entities_container;
DROP INDEX entities_of_source;
DROP INDEX entities_gone;
DROP INDEX entities_third_party;
DROP INDEX entities_privileged;
DROP INDEX entities_worst;
DROP INDEX entities_by_name;
DROP INDEX entities_by_kind;
DROP INDEX entities_by_source;
DROP INDEX entities_by_owner;
DROP INDEX entities_by_environment;
DROP INDEX entities_by_criticality;
DROP INDEX entities_by_created;
DROP INDEX entities_by_expires;
DROP INDEX entities_by_used;
DROP INDEX entities_by_seen;
DROP INDEX entities_by_priority;
DROP INDEX entities_by_credentials;
CREATE INDEX entities_type ON entities (type, kind);
ALTER TABLE entities DROP COLUMN version_from;
ALTER TABLE entities DROP COLUMN last_used;
ALTER TABLE entities DROP COLUMN marks;
ALTER TABLE entities DROP COLUMN third_party;
ALTER TABLE entities DROP COLUMN privileged;
ALTER TABLE entities DROP COLUMN credentials;
ALTER TABLE entities DROP COLUMN worst;
ALTER TABLE entities DROP COLUMN open_info;
ALTER TABLE entities DROP COLUMN open_low;
ALTER TABLE entities DROP COLUMN open_medium;
ALTER TABLE entities DROP COLUMN open_high;
ALTER TABLE entities DROP COLUMN open_critical;
ALTER TABLE entities DROP COLUMN priority;
ALTER TABLE entities DROP COLUMN static;
ALTER TABLE entities DROP COLUMN born_at;
ALTER TABLE entities DROP COLUMN holder_id;
ALTER TABLE entities DROP COLUMN crit_rank;
ALTER TABLE entities DROP COLUMN search;
ALTER TABLE entities DROP COLUMN source;
ALTER TABLE entities DROP COLUMN source_id;
DELETE FROM meta WHERE name = 'lists';
