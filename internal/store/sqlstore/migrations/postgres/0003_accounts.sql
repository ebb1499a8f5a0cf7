-- +goose Up

-- The people of the platform. A login is kept in lower case. password is an
-- argon2id string or empty; totp is sealed.
CREATE TABLE accounts (
  id           BIGINT NOT NULL PRIMARY KEY,
  public_id    TEXT COLLATE "C" NOT NULL UNIQUE,
  login        TEXT COLLATE "C" NOT NULL UNIQUE,
  name         TEXT COLLATE "C" NOT NULL,
  email        TEXT COLLATE "C" NOT NULL,
  external_id  TEXT COLLATE "C" NOT NULL,
  origin       TEXT COLLATE "C" NOT NULL,
  active       BIGINT NOT NULL,
  password     TEXT COLLATE "C" NOT NULL,
  totp         BYTEA,
  totp_step    BIGINT NOT NULL,
  created_at   BIGINT NOT NULL,
  updated_at   BIGINT NOT NULL,
  last_sign_in BIGINT,
  version      BIGINT NOT NULL
);
CREATE INDEX accounts_external ON accounts (external_id);

-- Recovery codes, hashed; a used one stays until the next set is made.
CREATE TABLE account_codes (
  account_id BIGINT NOT NULL,
  hash       BYTEA NOT NULL,
  used_at    BIGINT,
  PRIMARY KEY (account_id, hash)
);

-- Whom an issuer of single sign-on knows an account as.
CREATE TABLE account_subjects (
  issuer     TEXT COLLATE "C" NOT NULL,
  subject    TEXT COLLATE "C" NOT NULL,
  account_id BIGINT NOT NULL,
  PRIMARY KEY (issuer, subject)
);
CREATE INDEX account_subjects_account ON account_subjects (account_id);

CREATE TABLE passkeys (
  id            BIGINT NOT NULL PRIMARY KEY,
  public_id     TEXT COLLATE "C" NOT NULL UNIQUE,
  account_id    BIGINT NOT NULL,
  credential_id BYTEA NOT NULL UNIQUE,
  name          TEXT COLLATE "C" NOT NULL,
  body          TEXT COLLATE "C" NOT NULL,
  created_at    BIGINT NOT NULL,
  last_used     BIGINT
);
CREATE INDEX passkeys_account ON passkeys (account_id);

CREATE TABLE account_groups (
  id          BIGINT NOT NULL PRIMARY KEY,
  public_id   TEXT COLLATE "C" NOT NULL UNIQUE,
  name        TEXT COLLATE "C" NOT NULL UNIQUE,
  external_id TEXT COLLATE "C" NOT NULL,
  origin      TEXT COLLATE "C" NOT NULL,
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL,
  version     BIGINT NOT NULL
);

CREATE TABLE account_group_members (
  group_id   BIGINT NOT NULL,
  account_id BIGINT NOT NULL,
  PRIMARY KEY (group_id, account_id)
);
CREATE INDEX account_group_members_account ON account_group_members (account_id);

-- A role of an account or of a group on a part of the inventory. own stands
-- for what is registered as the account's own, whatever that is at the time.
CREATE TABLE role_bindings (
  id         BIGINT NOT NULL PRIMARY KEY,
  public_id  TEXT COLLATE "C" NOT NULL UNIQUE,
  account_id BIGINT,
  group_id   BIGINT,
  role       TEXT COLLATE "C" NOT NULL,
  scope      TEXT COLLATE "C" NOT NULL,
  own        BIGINT NOT NULL,
  origin     TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT COLLATE "C" NOT NULL
);
CREATE INDEX role_bindings_account ON role_bindings (account_id);
CREATE INDEX role_bindings_group ON role_bindings (group_id);

-- Sessions of browsers. hash is the SHA-256 of what the cookie holds, previous
-- that of the value before the last rotation, confirmed_at when the new one
-- was first presented.
CREATE TABLE sessions (
  id           BIGINT NOT NULL PRIMARY KEY,
  public_id    TEXT COLLATE "C" NOT NULL UNIQUE,
  account_id   BIGINT NOT NULL,
  hash         BYTEA NOT NULL UNIQUE,
  previous     BYTEA,
  rotated_at   BIGINT NOT NULL,
  confirmed_at BIGINT,
  created_at   BIGINT NOT NULL,
  seen_at      BIGINT NOT NULL,
  expires_at   BIGINT NOT NULL,
  fresh_at     BIGINT,
  method       TEXT COLLATE "C" NOT NULL,
  pending      TEXT COLLATE "C" NOT NULL,
  origin       TEXT COLLATE "C" NOT NULL,
  agent        TEXT COLLATE "C" NOT NULL
);
CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_previous ON sessions (previous);

-- Tokens of the interface: of people, of the command line, of SCIM clients and
-- of collectors. hash is the SHA-256 of the token.
CREATE TABLE api_tokens (
  id          BIGINT NOT NULL PRIMARY KEY,
  public_id   TEXT COLLATE "C" NOT NULL UNIQUE,
  kind        TEXT COLLATE "C" NOT NULL,
  name        TEXT COLLATE "C" NOT NULL,
  account_id  BIGINT,
  hash        BYTEA NOT NULL UNIQUE,
  hint        TEXT COLLATE "C" NOT NULL,
  permissions TEXT COLLATE "C" NOT NULL,
  scope       TEXT COLLATE "C" NOT NULL,
  realms      TEXT COLLATE "C" NOT NULL,
  created_at  BIGINT NOT NULL,
  created_by  TEXT COLLATE "C" NOT NULL,
  expires_at  BIGINT NOT NULL,
  last_used   BIGINT,
  revoked_at  BIGINT
);
CREATE INDEX api_tokens_account ON api_tokens (account_id);

-- What is begun and not finished: set-up and one-time links, invitations, a
-- password that awaits its second factor, challenges of passkeys, states of
-- single sign-on, devices that await approval. hash is the SHA-256 of what the
-- other side holds.
CREATE TABLE sign_in_flows (
  id         BIGINT NOT NULL PRIMARY KEY,
  public_id  TEXT COLLATE "C" NOT NULL UNIQUE,
  kind       TEXT COLLATE "C" NOT NULL,
  hash       BYTEA NOT NULL UNIQUE,
  code       TEXT COLLATE "C" NOT NULL,
  account_id BIGINT,
  body       TEXT COLLATE "C" NOT NULL,
  attempts   BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX sign_in_flows_kind ON sign_in_flows (kind, code);
CREATE INDEX sign_in_flows_expiry ON sign_in_flows (expires_at);

-- Browsers from which an account has signed in, by the SHA-256 of a cookie.
CREATE TABLE known_devices (
  hash       BYTEA NOT NULL PRIMARY KEY,
  account_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  last_used  BIGINT NOT NULL
);
CREATE INDEX known_devices_account ON known_devices (account_id);

-- How often signing in has failed, by what: the keys are hashes.
CREATE TABLE sign_in_throttles (
  subject  BYTEA NOT NULL PRIMARY KEY,
  failures BIGINT NOT NULL,
  last_at  BIGINT NOT NULL
);
CREATE INDEX sign_in_throttles_last ON sign_in_throttles (last_at);

-- Failures of a minute and an origin that await their record.
CREATE TABLE sign_in_denials (
  minute BIGINT NOT NULL,
  origin TEXT COLLATE "C" NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  count  BIGINT NOT NULL,
  PRIMARY KEY (minute, origin, reason)
);

-- Providers of single sign-on. client_secret is sealed.
CREATE TABLE sso_providers (
  id            BIGINT NOT NULL PRIMARY KEY,
  public_id     TEXT COLLATE "C" NOT NULL UNIQUE,
  name          TEXT COLLATE "C" NOT NULL UNIQUE,
  issuer        TEXT COLLATE "C" NOT NULL,
  client_id     TEXT COLLATE "C" NOT NULL,
  client_secret BYTEA,
  body          TEXT COLLATE "C" NOT NULL,
  enabled       BIGINT NOT NULL,
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL,
  version       BIGINT NOT NULL
);

-- +goose Down
DROP TABLE sso_providers;
DROP TABLE sign_in_denials;
DROP TABLE sign_in_throttles;
DROP TABLE known_devices;
DROP TABLE sign_in_flows;
DROP TABLE api_tokens;
DROP TABLE sessions;
DROP TABLE role_bindings;
DROP TABLE account_group_members;
DROP TABLE account_groups;
DROP TABLE passkeys;
DROP TABLE account_subjects;
DROP TABLE account_codes;
DROP TABLE accounts;
