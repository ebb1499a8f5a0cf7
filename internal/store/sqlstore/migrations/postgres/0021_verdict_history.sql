-- +goose Up

-- What was concluded about the use of things, from when to when, and why it
-- became that; to_at NULL is what is concluded now.
CREATE TABLE usage_verdict_versions (
  entity_id BIGINT NOT NULL,
  from_at   BIGINT NOT NULL,
  to_at     BIGINT,
  status    TEXT COLLATE "C" NOT NULL,
  grade     TEXT COLLATE "C" NOT NULL,
  last_used BIGINT,
  silent    BIGINT,
  reason    TEXT COLLATE "C" NOT NULL,
  why       TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (entity_id, from_at)
);
CREATE INDEX usage_verdict_versions_ended ON usage_verdict_versions (to_at) WHERE to_at IS NOT NULL;

-- What was concluded before is known as it was last.
INSERT INTO usage_verdict_versions (entity_id, from_at, status, grade, last_used, silent, reason, why)
SELECT entity_id, judged_at, status, grade, last_used, silent, COALESCE(body::json ->> 'reason', ''), '[]' FROM usage_verdicts;

-- +goose Down
DROP TABLE usage_verdict_versions;
