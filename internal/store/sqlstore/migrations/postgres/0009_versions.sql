-- +goose Up

-- The order in which lists as of a date come unless another is asked for.
CREATE INDEX entity_versions_by_name ON entity_versions (type, search, id);

-- +goose Down
DROP INDEX entity_versions_by_name;
