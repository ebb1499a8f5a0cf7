package postgres

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// remoteKeys are the connection settings that say which server and how, and
// name nothing of the machine that connects.
func remoteKeys() []string {
	return []string{"host", "port", "database", "dbname", "user", "sslmode", "sslnegotiation", "channel_binding", "connect_timeout", "target_session_attrs"}
}

// remote allows servers over the network, named in full. Services, password
// files, certificates and sockets are of the machine, and so are its variables:
// whoever names a server must not have it sent a password that they hold.
func remote(cfg connector.Config) error {
	_, err := parseRemote(cfg.Target)
	return err
}

func parseRemote(target string) (*pgx.ConnConfig, error) {
	denied := func(what string) error {
		return fmt.Errorf("%w: source %s: %s: want postgres://user@host:port/database?sslmode=verify-full, and the password as a secret", retinue.ErrDenied, Kind, what)
	}
	switch {
	case strings.HasPrefix(target, "service:"), !strings.Contains(target, "://") && !strings.Contains(target, "="):
		return nil, denied("a service or a path is configured in retinue.yaml only")
	case holdsPassword(target):
		return nil, denied("a password in the target")
	}
	conf, err := pgx.ParseConfigWithOptions(target, pgx.ParseConfigOptions{ParseConfigOptions: pgconn.ParseConfigOptions{ConnStringAllowedKeys: remoteKeys()}})
	if err != nil {
		return nil, denied("settings other than " + strings.Join(remoteKeys(), ", ") + ", or settings that cannot be read")
	}
	named, err := namesServer(target)
	if err != nil || !named {
		return nil, denied("host or user is missing")
	}
	conf.Password = ""
	conf.RuntimeParams = map[string]string{}
	hosts := []string{conf.Host}
	if conf.TLSConfig != nil {
		conf.TLSConfig.Certificates = nil
	}
	for _, f := range conf.Fallbacks {
		hosts = append(hosts, f.Host)
		if f.TLSConfig != nil {
			f.TLSConfig.Certificates = nil
		}
	}
	for _, h := range hosts {
		if h == "" || strings.ContainsAny(h, "/\\@") {
			return nil, denied("a socket")
		}
	}
	return conf, nil
}

// namesServer reports whether the target itself names host and user, for which
// the variables of the machine would stand in.
func namesServer(target string) (bool, error) {
	for _, key := range []string{"host", "user"} {
		rest := remoteKeys()
		for i, k := range rest {
			if k == key {
				rest = append(rest[:i:i], rest[i+1:]...)
				break
			}
		}
		// The parser says which keys stand in a target by refusing those that it
		// is not told of.
		if _, err := pgx.ParseConfigWithOptions(target, pgx.ParseConfigOptions{ParseConfigOptions: pgconn.ParseConfigOptions{ConnStringAllowedKeys: rest}}); err == nil {
			return false, nil
		}
	}
	return true, nil
}

// parseSettings reads the connection settings of a source.
func parseSettings(cfg connector.Config, dsn string) (*pgx.ConnConfig, error) {
	if cfg.Remote {
		return parseRemote(cfg.Target)
	}
	conf, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("%w: source %s: read connection settings: %s", retinue.ErrInvalid, Kind, parseFailure(cfg.Target, err))
	}
	return conf, nil
}
