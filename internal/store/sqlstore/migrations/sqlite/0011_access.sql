-- +goose Up

-- What the access of an identity came to when it was last looked at, for those
-- that have any.
CREATE TABLE access_standings (
  entity_id INTEGER NOT NULL PRIMARY KEY,
  body      TEXT NOT NULL
);

-- How it changed since: who became an administrator, whom a trust admits, who
-- came to production.
CREATE TABLE access_changes (
  id        INTEGER NOT NULL PRIMARY KEY,
  entity_id BIGINT NOT NULL,
  kind      TEXT NOT NULL,
  text      TEXT NOT NULL,
  rev       BIGINT NOT NULL,
  at        BIGINT NOT NULL
);
CREATE INDEX access_changes_entity ON access_changes (entity_id, id);

-- +goose Down
DROP TABLE access_changes;
DROP TABLE access_standings;
