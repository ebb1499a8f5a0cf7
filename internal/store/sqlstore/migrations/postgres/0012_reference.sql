-- +goose Up

-- Reference data that replaces the copy in the program, as its file came, with
-- the day of its content.
CREATE TABLE reference_data (
  name        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
  date        BIGINT NOT NULL,
  body        BYTEA NOT NULL,
  recorded_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE reference_data;
