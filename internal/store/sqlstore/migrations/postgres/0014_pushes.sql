-- +goose Up

-- The key, sealed, under which a collector signs what it pushes; NULL where it
-- only has a token.
ALTER TABLE collectors ADD COLUMN signing BYTEA;

CREATE INDEX usage_inputs_updated ON usage_inputs (updated_at);

-- +goose Down
DROP INDEX usage_inputs_updated;
ALTER TABLE collectors DROP COLUMN signing;
