-- +goose Up

-- What the list of the audit log is filtered by. The chain does not cover the
-- column: it repeats what actor holds.
ALTER TABLE records ADD COLUMN actor_name TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE records SET actor_name = COALESCE(substring(actor from '"name":"([^"]*)"'), '');
CREATE INDEX records_at ON records (at);
CREATE INDEX records_action ON records (action, seq);
CREATE INDEX records_subject ON records (subject, seq);
CREATE INDEX records_actor ON records (actor_name, seq);

-- +goose Down
DROP INDEX records_actor;
DROP INDEX records_subject;
DROP INDEX records_action;
DROP INDEX records_at;
ALTER TABLE records DROP COLUMN actor_name;
