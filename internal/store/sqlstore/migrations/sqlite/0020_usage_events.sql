-- +goose Up

-- Events themselves, for installations that keep them for some days: runs of
-- records of one log and day, compressed and sealed. hashes are the upper halves of
-- those of its events, sorted, in four bytes each, the lowest first.
CREATE TABLE usage_events (
  id       INTEGER NOT NULL PRIMARY KEY,
  name     TEXT NOT NULL UNIQUE,
  log      BIGINT NOT NULL,
  day      BIGINT NOT NULL,
  first_at BIGINT NOT NULL,
  last_at  BIGINT NOT NULL,
  n        BIGINT NOT NULL,
  hashes   BLOB NOT NULL,
  sealed   BLOB NOT NULL
);
CREATE INDEX usage_events_day ON usage_events (day, log);
CREATE INDEX usage_events_last ON usage_events (last_at);

-- Who acted in the events of a block.
CREATE TABLE usage_event_refs (
  ref_id BIGINT NOT NULL,
  block  BIGINT NOT NULL,
  PRIMARY KEY (ref_id, block)
) WITHOUT ROWID;
CREATE INDEX usage_event_refs_block ON usage_event_refs (block);

-- What is kept of the events of each day, and what is not.
CREATE TABLE usage_event_days (
  day       BIGINT NOT NULL,
  lane      BIGINT NOT NULL,
  n         BIGINT NOT NULL,
  bytes     BIGINT NOT NULL,
  over      BIGINT NOT NULL,
  too_large BIGINT NOT NULL,
  unsealed  BIGINT NOT NULL,
  PRIMARY KEY (day, lane)
);

-- Where entries stood that no reader understood.
ALTER TABLE usage_unknown ADD COLUMN label TEXT NOT NULL DEFAULT '';
ALTER TABLE usage_unknown ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
CREATE INDEX usage_unknown_at ON usage_unknown (at);

-- +goose Down
DROP INDEX usage_unknown_at;
ALTER TABLE usage_unknown DROP COLUMN place;
ALTER TABLE usage_unknown DROP COLUMN label;
DROP TABLE usage_event_days;
DROP TABLE usage_event_refs;
DROP TABLE usage_events;
