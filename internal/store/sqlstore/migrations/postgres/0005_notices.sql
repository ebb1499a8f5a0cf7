-- +goose Up

-- Ways out of the installation: channels to people and ticket systems, streams
-- to other systems, and places for checkpoints of the audit log. Secrets are
-- in sealed only.
CREATE TABLE outlets (
  id            BIGINT NOT NULL PRIMARY KEY,
  public_id     TEXT COLLATE "C" NOT NULL UNIQUE,
  purpose       TEXT COLLATE "C" NOT NULL,
  kind          TEXT COLLATE "C" NOT NULL,
  name          TEXT COLLATE "C" NOT NULL,
  enabled       BIGINT NOT NULL,
  settings      TEXT COLLATE "C" NOT NULL,
  sealed        BYTEA,
  secret_names  TEXT COLLATE "C" NOT NULL,
  version       BIGINT NOT NULL,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL,
  gone_at       BIGINT,
  cursor_at     BIGINT NOT NULL DEFAULT 0,
  failures      BIGINT NOT NULL DEFAULT 0,
  next_at       BIGINT,
  last_ok_at    BIGINT,
  last_error    TEXT COLLATE "C" NOT NULL DEFAULT '',
  last_error_at BIGINT
);
CREATE UNIQUE INDEX outlets_name ON outlets (purpose, name) WHERE gone_at IS NULL;

CREATE TABLE notice_routes (
  id         BIGINT NOT NULL PRIMARY KEY,
  public_id  TEXT COLLATE "C" NOT NULL UNIQUE,
  name       TEXT COLLATE "C" NOT NULL UNIQUE,
  position   BIGINT NOT NULL,
  enabled    BIGINT NOT NULL,
  version    BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  body       TEXT COLLATE "C" NOT NULL
);

-- What is worth telling, one row for a cause. An occasion after routed waits
-- to be routed; step_at is when nobody having acted becomes somebody else's
-- matter.
CREATE TABLE notices (
  id              BIGINT NOT NULL PRIMARY KEY,
  public_id       TEXT COLLATE "C" NOT NULL UNIQUE,
  key             TEXT COLLATE "C" NOT NULL UNIQUE,
  kind            TEXT COLLATE "C" NOT NULL,
  severity        BIGINT NOT NULL,
  state           TEXT COLLATE "C" NOT NULL,
  entity_id       BIGINT NOT NULL,
  source          TEXT COLLATE "C" NOT NULL,
  finding         TEXT COLLATE "C" NOT NULL,
  occasion        BIGINT NOT NULL,
  routed          BIGINT NOT NULL,
  step            BIGINT NOT NULL,
  step_at         BIGINT,
  raised_at       BIGINT NOT NULL,
  last_at         BIGINT NOT NULL,
  acknowledged_at BIGINT,
  acknowledged_by TEXT COLLATE "C" NOT NULL DEFAULT '',
  resolved_at     BIGINT,
  body            TEXT COLLATE "C" NOT NULL
);
CREATE INDEX notices_unrouted ON notices (id) WHERE routed < occasion;
CREATE INDEX notices_step ON notices (step_at) WHERE step_at IS NOT NULL;
CREATE INDEX notices_state ON notices (state, id);
CREATE INDEX notices_entity ON notices (entity_id);
CREATE INDEX notices_finding ON notices (finding) WHERE finding <> '';

-- The outbox: who is told what. The unique key keeps one telling from being
-- planned twice.
CREATE TABLE deliveries (
  id        BIGINT NOT NULL PRIMARY KEY,
  public_id TEXT COLLATE "C" NOT NULL UNIQUE,
  notice_id BIGINT NOT NULL,
  occasion  BIGINT NOT NULL,
  step      BIGINT NOT NULL,
  event     TEXT COLLATE "C" NOT NULL,
  outlet_id BIGINT NOT NULL,
  address   TEXT COLLATE "C" NOT NULL,
  route     TEXT COLLATE "C" NOT NULL,
  state     TEXT COLLATE "C" NOT NULL,
  due_at    BIGINT NOT NULL,
  attempts  BIGINT NOT NULL,
  sent_at   BIGINT,
  message   TEXT COLLATE "C" NOT NULL DEFAULT '',
  error     TEXT COLLATE "C" NOT NULL DEFAULT '',
  receipt   TEXT COLLATE "C" NOT NULL DEFAULT '',
  UNIQUE (notice_id, occasion, step, event, outlet_id, address)
);
CREATE INDEX deliveries_due ON deliveries (outlet_id, due_at, id) WHERE state = 'waiting';
CREATE INDEX deliveries_outlet ON deliveries (outlet_id, id);

CREATE TABLE tickets (
  id             BIGINT NOT NULL PRIMARY KEY,
  public_id      TEXT COLLATE "C" NOT NULL UNIQUE,
  outlet_id      BIGINT NOT NULL,
  marker         TEXT COLLATE "C" NOT NULL UNIQUE,
  group_key      TEXT COLLATE "C" NOT NULL,
  external       TEXT COLLATE "C" NOT NULL,
  url            TEXT COLLATE "C" NOT NULL,
  state          TEXT COLLATE "C" NOT NULL,
  title          TEXT COLLATE "C" NOT NULL,
  digest         TEXT COLLATE "C" NOT NULL,
  closed_outside BIGINT,
  attempts       BIGINT NOT NULL,
  error          TEXT COLLATE "C" NOT NULL,
  created_at     BIGINT NOT NULL,
  updated_at     BIGINT NOT NULL
);
CREATE INDEX tickets_group ON tickets (outlet_id, group_key);

CREATE TABLE ticket_findings (
  ticket_id BIGINT NOT NULL,
  finding   TEXT COLLATE "C" NOT NULL,
  entity_id BIGINT NOT NULL,
  PRIMARY KEY (ticket_id, finding)
);
CREATE INDEX ticket_findings_finding ON ticket_findings (finding);

-- Receipts of what was done to a ticket, there or from there.
CREATE TABLE ticket_events (
  id        BIGINT NOT NULL PRIMARY KEY,
  ticket_id BIGINT NOT NULL,
  at        BIGINT NOT NULL,
  event     TEXT COLLATE "C" NOT NULL,
  ok        BIGINT NOT NULL,
  text      TEXT COLLATE "C" NOT NULL
);
CREATE INDEX ticket_events_ticket ON ticket_events (ticket_id, id);

-- Checkpoints of the audit log that were put into outside places, and tries
-- that failed.
CREATE TABLE checkpoint_pushes (
  id        BIGINT NOT NULL PRIMARY KEY,
  public_id TEXT COLLATE "C" NOT NULL UNIQUE,
  outlet_id BIGINT NOT NULL,
  at        BIGINT NOT NULL,
  size      BIGINT NOT NULL,
  head      TEXT COLLATE "C" NOT NULL,
  note      TEXT COLLATE "C" NOT NULL,
  ok        BIGINT NOT NULL,
  place     TEXT COLLATE "C" NOT NULL,
  proof     BYTEA,
  error     TEXT COLLATE "C" NOT NULL
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
