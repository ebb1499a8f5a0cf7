-- +goose Up

-- shared: several consumers use one credential. news: what is concluded changed
-- since the rules looked at it.
ALTER TABLE usage_verdicts ADD COLUMN shared BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage_verdicts ADD COLUMN news BIGINT NOT NULL DEFAULT 1;
CREATE INDEX usage_verdicts_news ON usage_verdicts (entity_id) WHERE news = 1;

-- +goose Down
DROP INDEX usage_verdicts_news;
ALTER TABLE usage_verdicts DROP COLUMN news;
ALTER TABLE usage_verdicts DROP COLUMN shared;
