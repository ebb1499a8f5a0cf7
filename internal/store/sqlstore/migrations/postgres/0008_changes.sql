-- +goose Up

-- What began and what ended with a revision, for the list of changes. Both
-- grow at their end only.
CREATE INDEX facts_began ON facts (rev_from, id);
CREATE INDEX facts_over ON facts (rev_to, id) WHERE rev_to IS NOT NULL;

-- +goose Down
DROP INDEX facts_over;
DROP INDEX facts_began;
