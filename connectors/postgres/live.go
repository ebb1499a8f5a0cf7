package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// live reads a running server.
type live struct {
	conf *pgx.ConnConfig
	opt  options
	env  connector.Env
	// passwordGiven is whether the target held a password.
	passwordGiven bool
}

// connectTimeout bounds a connection attempt where the settings name none.
const connectTimeout = 20 * time.Second

// openLive reads the connection settings as libpq does: the target (a URL, a
// keyword string or service:NAME), then the PG* variables, the service file and
// the password file.
func openLive(cfg connector.Config, opt options, env connector.Env) (connector.Connector, error) {
	dsn := cfg.Target
	if name, ok := strings.CutPrefix(dsn, "service:"); ok {
		dsn = "service=" + quoteValue(name)
	}
	conf, err := parseSettings(cfg, dsn)
	if err != nil {
		return nil, err
	}
	if env.Dial != nil {
		conf.DialFunc = env.Dial
	}
	conf.DefaultQueryExecMode = pgx.QueryExecModeExec // prepares nothing: fit for a pooler
	conf.RuntimeParams["application_name"] = "retinue"
	if conf.ConnectTimeout == 0 {
		conf.ConnectTimeout = connectTimeout
	}
	if p := cfg.Secrets["password"]; !p.IsZero() {
		conf.Password = p.Reveal()
	}
	return &live{conf: conf, opt: opt, env: env, passwordGiven: holdsPassword(cfg.Target)}, nil
}

// quoteValue writes a value of a keyword string.
func quoteValue(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// holdsPassword reports a password in a URL or keyword string.
func holdsPassword(target string) bool {
	if strings.Contains(target, "://") {
		u, err := url.Parse(target)
		if err != nil {
			return strings.Contains(target, "@")
		}
		_, ok := u.User.Password()
		return ok || u.Query().Has("password")
	}
	return strings.Contains(strings.ReplaceAll(target, " ", ""), "password=")
}

// parseFailure says what is wrong with connection settings. A text that may
// hold a password is not quoted.
func parseFailure(target string, err error) string {
	if holdsPassword(target) || strings.Contains(target, "@") {
		return "want postgres://user@host:port/database, without a password"
	}
	return retinue.CleanName(err.Error())
}

// isFileTarget reports whether a target names files and not a server.
func isFileTarget(target string) bool {
	switch {
	case target == "", strings.HasPrefix(target, "service:"), strings.Contains(target, "://"):
		return false
	}
	if _, err := os.Stat(strings.Split(target, ";")[0]); err == nil {
		return true
	}
	return !strings.Contains(target, "=")
}

// Close implements connector.Connector. Connections are closed by the calls
// that opened them.
func (l *live) Close() error { return nil }

// insecure reports a connection over a network that is not encrypted, or that
// falls back to that when the server asks for it.
func (l *live) insecure() bool {
	local := func(host string) bool {
		ip := net.ParseIP(host)
		return strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback()
	}
	if l.conf.TLSConfig == nil && !local(l.conf.Host) {
		return true
	}
	return slices.ContainsFunc(l.conf.Fallbacks, func(f *pgconn.FallbackConfig) bool { return f.TLSConfig == nil && !local(f.Host) })
}

// place names the server for people, without user or password.
func (l *live) place() string {
	if strings.HasPrefix(l.conf.Host, "/") {
		return l.conf.Host
	}
	return fmt.Sprintf("%s:%d", l.conf.Host, l.conf.Port)
}

// liveSession is a read-only transaction in one database.
type liveSession struct {
	conn   *pgx.Conn
	tx     pgx.Tx
	header header
	user   string
	// firstRole stands for the server where its identifier may not be read.
	firstRole string
	now       time.Time
	can       map[string]bool
}

// setup makes the session read-only and bounded, and empties the search path so
// that the server writes names in full, as pg_dump has it.
const setup = `select set_config('default_transaction_read_only', 'on', true),
       set_config('statement_timeout', $1, true), set_config('lock_timeout', $1, true),
       set_config('idle_in_transaction_session_timeout', '0', true),
       set_config('search_path', '', true), set_config('timezone', 'UTC', true),
       set_config('datestyle', 'ISO', true), set_config('row_security', 'on', true)`

const headerSQL = `select current_setting('server_version_num')::int / 10000, current_setting('server_version'),
       current_database()::text, current_user::text, clock_timestamp(),
       ` + mayReadAuthid + `, ` + canReadHostRules + `, ` + canReadActivity + `, ` + canReadIdentifier + `, ` + canReadMappings

// connect opens a session in a database; empty is the one of the settings.
func (l *live) connect(ctx context.Context, db string) (*liveSession, error) {
	conf := l.conf.Copy()
	if db != "" {
		conf.Database = db
	}
	conn, err := pgx.ConnectConfig(ctx, conf)
	if err != nil {
		return nil, failure(ctx, "connect to "+l.place(), err)
	}
	s := &liveSession{conn: conn}
	if err := s.begin(ctx, l.opt.timeout); err != nil {
		s.close()
		return nil, failure(ctx, "begin reading "+l.place(), err)
	}
	return s, nil
}

func (s *liveSession) begin(ctx context.Context, timeout time.Duration) error {
	var err error
	s.tx, err = s.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return err
	}
	if _, err := s.tx.Exec(ctx, setup, fmt.Sprintf("%dms", timeout.Milliseconds())); err != nil {
		return err
	}
	var passwords, rules, activity, identifier, mappings bool
	if err := s.tx.QueryRow(ctx, headerSQL).Scan(&s.header.Version, &s.header.ServerVersion, &s.header.Database, &s.user,
		&s.now, &passwords, &rules, &activity, &identifier, &mappings); err != nil {
		return err
	}
	s.can = map[string]bool{"passwords": passwords, "host_rules": rules, "activity": activity, "mappings": mappings}
	if identifier {
		return s.tx.QueryRow(ctx, `select system_identifier::text from pg_catalog.pg_control_system()`).Scan(&s.header.SystemIdentifier)
	}
	return s.tx.QueryRow(ctx, `select coalesce(min(rolname collate "C"), '') from pg_catalog.pg_roles
 where rolname !~ '^pg_' and rolname <> 'postgres'`).Scan(&s.firstRole)
}

// close ends the session. It has its own deadline: the run's may be over.
func (s *liveSession) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_ = s.conn.Close(ctx)
}

// rows runs a section and hands over each row as JSON. The section runs in a
// savepoint, so that one that is refused does not end the others.
func (s *liveSession) rows(ctx context.Context, sec section, use func([]byte) error) error {
	sp, err := s.tx.Begin(ctx)
	if err != nil {
		return failure(ctx, "read "+sec.name, err)
	}
	rows, err := sp.Query(ctx, "select row_to_json(q)::text from ("+sec.sql+") q")
	if err != nil {
		_ = sp.Rollback(ctx)
		return failure(ctx, "read "+sec.name, err)
	}
	defer rows.Close()
	for rows.Next() {
		var row []byte
		if err := rows.Scan(&row); err != nil {
			return failure(ctx, "read "+sec.name, err)
		}
		if err := use(row); err != nil {
			return err
		}
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		_ = sp.Rollback(ctx)
		return failure(ctx, "read "+sec.name, err)
	}
	if err := sp.Commit(ctx); err != nil {
		return failure(ctx, "read "+sec.name, err)
	}
	return nil
}

// failure turns an error of the server or the connection into one of the
// vocabulary's kinds. The SQLSTATE classes are those of the manual's appendix A.
func failure(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	kind := retinue.ErrUnavailable
	text := retinue.CleanName(err.Error())
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		text = retinue.CleanName(pg.Message) + " (SQLSTATE " + pg.Code + ")"
		switch {
		case pg.Code == "42501" || strings.HasPrefix(pg.Code, "28"):
			kind = retinue.ErrDenied
		case pg.Code == "3D000":
			kind = retinue.ErrNotFound
		case strings.HasPrefix(pg.Code, "42"), pg.Code == "0A000":
			kind = retinue.ErrUnsupported
		}
	}
	return fmt.Errorf("%s: %w: %s", what, kind, text)
}
