-- +goose Up

-- Why somebody gave their word on a log, and which streams of events somebody
-- wants read no further for now.
ALTER TABLE usage_attestations ADD COLUMN reason TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE TABLE stream_pauses (
  name      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  paused_by TEXT COLLATE "C" NOT NULL,
  paused_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE stream_pauses;
ALTER TABLE usage_attestations DROP COLUMN reason;
