-- +goose Up

-- Ways out of the installation: channels to people and ticket systems, streams
-- to other systems, and places for checkpoints of the audit log. Secrets are
-- in sealed only.
CREATE TABLE outlets (
  id            INTEGER NOT NULL PRIMARY KEY,
  public_id     TEXT NOT NULL UNIQUE,
  purpose       TEXT NOT NULL,
  kind          TEXT NOT NULL,
  name          TEXT NOT NULL,
  enabled       BIGINT NOT NULL,
  settings      TEXT NOT NULL,
  sealed        BLOB,
  secret_names  TEXT NOT NULL,
  version       BIGINT NOT NULL,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL,
  gone_at       BIGINT,
  cursor_at     BIGINT NOT NULL DEFAULT 0,
  failures      BIGINT NOT NULL DEFAULT 0,
  next_at       BIGINT,
  last_ok_at    BIGINT,
  last_error    TEXT NOT NULL DEFAULT '',
  last_error_at BIGINT
);
CREATE UNIQUE INDEX outlets_name ON outlets (purpose, name) WHERE gone_at IS NULL;

CREATE TABLE notice_routes (
  id         INTEGER NOT NULL PRIMARY KEY,
  public_id  TEXT NOT NULL UNIQUE,
  name       TEXT NOT NULL UNIQUE,
  position   BIGINT NOT NULL,
  enabled    BIGINT NOT NULL,
  version    BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  body       TEXT NOT NULL
);

-- What is worth telling, one row for a cause. An occasion after routed waits
-- to be routed; step_at is when nobody having acted becomes somebody else's
-- matter.
CREATE TABLE notices (
  id              INTEGER NOT NULL PRIMARY KEY,
  public_id       TEXT NOT NULL UNIQUE,
  key             TEXT NOT NULL UNIQUE,
  kind            TEXT NOT NULL,
  severity        BIGINT NOT NULL,
  state           TEXT NOT NULL,
  entity_id       BIGINT NOT NULL,
  source          TEXT NOT NULL,
  finding         TEXT NOT NULL,
  occasion        BIGINT NOT NULL,
  routed          BIGINT NOT NULL,
  step            BIGINT NOT NULL,
  step_at         BIGINT,
  raised_at       BIGINT NOT NULL,
  last_at         BIGINT NOT NULL,
  acknowledged_at BIGINT,
  acknowledged_by TEXT NOT NULL DEFAULT '',
  resolved_at     BIGINT,
  body            TEXT NOT NULL
);
CREATE INDEX notices_unrouted ON notices (id) WHERE routed < occasion;
CREATE INDEX notices_step ON notices (step_at) WHERE step_at IS NOT NULL;
CREATE INDEX notices_state ON notices (state, id);
CREATE INDEX notices_entity ON notices (entity_id);
CREATE INDEX notices_finding ON notices (finding) WHERE finding <> '';

-- The outbox: who is told what. The unique key keeps one telling from being
-- planned twice.
CREATE TABLE deliveries (
  id        INTEGER NOT NULL PRIMARY KEY,
  public_id TEXT NOT NULL UNIQUE,
  notice_id BIGINT NOT NULL,
  occasion  BIGINT NOT NULL,
  step      BIGINT NOT NULL,
  event     TEXT NOT NULL,
  outlet_id BIGINT NOT NULL,
  address   TEXT NOT NULL,
  route     TEXT NOT NULL,
  state     TEXT NOT NULL,
  due_at    BIGINT NOT NULL,
  attempts  BIGINT NOT NULL,
  sent_at   BIGINT,
  message   TEXT NOT NULL DEFAULT '',
  error     TEXT NOT NULL DEFAULT '',
  receipt   TEXT NOT NULL DEFAULT '',
  UNIQUE (notice_id, occasion, step, event, outlet_id, address)
);
CREATE INDEX deliveries_due ON deliveries (outlet_id, due_at, id) WHERE state = 'waiting';
CREATE INDEX deliveries_outlet ON deliveries (outlet_id, id);

CREATE TABLE tickets (
  id             INTEGER NOT NULL PRIMARY KEY,
  public_id      TEXT NOT NULL UNIQUE,
  outlet_id      BIGINT NOT NULL,
  marker         TEXT NOT NULL UNIQUE,
  group_key      TEXT NOT NULL,
  external       TEXT NOT NULL,
  url            TEXT NOT NULL,
  state          TEXT NOT NULL,
  title          TEXT NOT NULL,
  digest         TEXT NOT NULL,
  closed_outside BIGINT,
  attempts       BIGINT NOT NULL,
  error          TEXT NOT NULL,
  created_at     BIGINT NOT NULL,
  updated_at     BIGINT NOT NULL
);
CREATE INDEX tickets_group ON tickets (outlet_id, group_key);

CREATE TABLE ticket_findings (
  ticket_id BIGINT NOT NULL,
  finding   TEXT NOT NULL,
  entity_id BIGINT NOT NULL,
  PRIMARY KEY (ticket_id, finding)
);
CREATE INDEX ticket_findings_finding ON ticket_findings (finding);

-- Receipts of what was done to a ticket, there or from there.
CREATE TABLE ticket_events (
  id        INTEGER NOT NULL PRIMARY KEY,
  ticket_id BIGINT NOT NULL,
  at        BIGINT NOT NULL,
  event     TEXT NOT NULL,
  ok        BIGINT NOT NULL,
  text      TEXT NOT NULL
);
CREATE INDEX ticket_events_ticket ON ticket_events (ticket_id, id);

-- Checkpoints of the audit log that were put into outside places, and tries
-- that failed.
CREATE TABLE checkpoint_pushes (
  id        INTEGER NOT NULL PRIMARY KEY,
  public_id TEXT NOT NULL UNIQUE,
  outlet_id BIGINT NOT NULL,
  at        BIGINT NOT NULL,
  size      BIGINT NOT NULL,
  head      TEXT NOT NULL,
  note      TEXT NOT NULL,
  ok        BIGINT NOT NULL,
  place     TEXT NOT NULL,
  proof     BLOB,
  error     TEXT NOT NULL
);
CREATE INDEX checkpoint_pushes_outlet ON checkpoint_pushes (outlet_id, id);

-- +goose Down
DROP TABLE checkpoint_pushes;
DROP TABLE ticket_events;
DROP TABLE ticket_findings;
DROP TABLE tickets;
DROP TABLE deliveries;
DROP TABLE notices;
DROP TABLE notice_routes;
DROP TABLE outlets;
