-- +goose Up

-- What the access of an identity came to when it was last looked at, for those
-- that have any.
CREATE TABLE access_standings (
  entity_id BIGINT NOT NULL PRIMARY KEY,
  body      TEXT COLLATE "C" NOT NULL
);

-- How it changed since: who became an administrator, whom a trust admits, who
-- came to production.
CREATE TABLE access_changes (
  id        BIGINT NOT NULL PRIMARY KEY,
  entity_id BIGINT NOT NULL,
  kind      TEXT COLLATE "C" NOT NULL,
  text      TEXT COLLATE "C" NOT NULL,
  rev       BIGINT NOT NULL,
  at        BIGINT NOT NULL
);
CREATE INDEX access_changes_entity ON access_changes (entity_id, id);

-- +goose Down
DROP TABLE access_changes;
DROP TABLE access_standings;
