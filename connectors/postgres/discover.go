package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// liveRun is one discovery of a running server.
type liveRun struct {
	*live
	w      *writer
	s      *liveSession
	listed []database
}

// Discover implements connector.Connector.
func (l *live) Discover(ctx context.Context, req connector.Request, sink connector.Sink) error {
	if l.passwordGiven {
		sink.Note(connector.Note{Kind: connector.NoteWarning, Text: "the target holds a password, which other programs on " +
			"this machine can read from the command line: use a password file, a service file or PGPASSWORD. It is not stored"})
	}
	if l.insecure() {
		sink.Note(connector.Note{Kind: connector.NoteWarning, Text: "the connection to " + l.place() + " may go unencrypted: " +
			"set sslmode=verify-full"})
	}
	if req.DryRun {
		l.wouldRead(sink)
		return ctx.Err()
	}
	s, err := l.connect(ctx, "")
	if err != nil {
		return err
	}
	defer s.close()
	if s.header.Version < firstVersion {
		return fmt.Errorf("read server: %w: version %s: want %d or newer", retinue.ErrUnsupported, s.header.ServerVersion, firstVersion)
	}
	r := &liveRun{live: l, s: s}
	realm, warn := l.realm(s)
	r.w = newWriter(realm, s.header.Version, s.now.UTC(), sink, l.env)
	if warn != "" {
		sink.Note(connector.Note{Kind: connector.NoteWarning, Text: warn})
	}
	return r.run(ctx)
}

// realm returns the server's realm, and a warning where it is a fallback.
func (l *live) realm(s *liveSession) (retinue.Realm, string) {
	id := s.header.SystemIdentifier
	if id == "" {
		id = l.opt.identifier
	}
	if id != "" {
		return realmOf(id), ""
	}
	return fallbackRealm([]string{s.header.Database}, []string{s.firstRole}), fallbackWarning
}

func (l *live) wouldRead(sink connector.Sink) {
	dbs := "database " + retinue.CleanName(l.conf.Database)
	switch {
	case l.opt.all:
		dbs = "every database that allows connections"
	case len(l.opt.databases) > 0:
		dbs = "databases " + retinue.CleanName(strings.Join(l.opt.databases, ", "))
	}
	sink.Note(connector.Note{Kind: connector.NoteWouldRead, Text: fmt.Sprintf("connect to %s as %s, in a read-only transaction, "+
		"and read the system catalogs: roles, memberships, databases, connections; and of %s: schemas, tables, functions, "+
		"their privileges and row security. No table's content is read", l.place(), retinue.CleanName(l.conf.User), dbs)})
}

func (r *liveRun) run(ctx context.Context) error {
	if err := r.serverPart(ctx); err != nil {
		return err
	}
	// The open connection first, so that its snapshot is not held while the
	// others are read.
	read := r.chosen()
	if i := slices.Index(read, r.s.header.Database); i > 0 {
		read[0], read[i] = read[i], read[0]
	}
	for _, db := range read {
		if db != r.s.header.Database {
			r.s.close()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.databasePart(ctx, db); err != nil {
			return err
		}
	}
	r.notes()
	return ctx.Err()
}

// step runs sections that fill scopes together and completes the scopes, or
// reports the problem to each. It returns an error only when the run cannot go
// on.
func (r *liveRun) step(ctx context.Context, basis string, scopes []retinue.Scope, do func() error) error {
	err := do()
	if _, ok := errors.AsType[sinkError](err); ok {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, sc := range scopes {
		if err != nil {
			if perr := r.w.problem(sc, err); perr != nil {
				return perr
			}
			continue
		}
		if cerr := r.w.complete(sc, basis); cerr != nil {
			return cerr
		}
	}
	return nil
}

// serverPart reads what is one for the whole server.
func (r *liveRun) serverPart(ctx context.Context) error {
	w := r.w
	if err := r.step(ctx, "the server's own version", []retinue.Scope{w.scope("server")}, func() error { return w.server(r.s.header) }); err != nil {
		return err
	}
	if err := r.rolesAndMembers(ctx); err != nil {
		return err
	}
	for _, sec := range serverSections() {
		var scope, basis string
		do := func() error {
			return r.s.rows(ctx, sec, func(row []byte) error { return w.put(sec.name, row) })
		}
		switch sec.name {
		case "databases":
			if err := r.databaseList(ctx, sec); err != nil {
				return err
			}
			continue
		case "tablespaces":
			scope, basis = "tablespaces", "every row of pg_tablespace but those of the system"
		case "parameters":
			scope, basis = "parameters", "every row of pg_parameter_acl"
		case "passwords":
			scope, basis = "passwords", "every row of pg_authid with a password"
		case "host_rules":
			scope, basis = "authentication", "every rule of pg_hba_file_rules"
			do = func() error { return r.hostRules(ctx, sec) }
		case "sessions":
			scope, basis = "connections", "pg_stat_activity at the time of the scan"
		}
		if scope == "" || !r.s.may(sec) {
			continue
		}
		if err := r.step(ctx, basis, []retinue.Scope{w.scope(scope)}, do); err != nil {
			return err
		}
	}
	return nil
}

// may reports whether the server has what a section reads and this login may
// read it.
func (s *liveSession) may(sec section) bool {
	return sec.since <= s.header.Version && (sec.needs == "" || s.can[sec.name])
}

// rolesAndMembers reads roles and memberships. Both fill the scope of
// predefined roles, which is complete only if both are.
func (r *liveRun) rolesAndMembers(ctx context.Context) error {
	w := r.w
	var failed error
	for _, p := range []struct{ name, scope, sql, basis string }{
		{"roles", "roles", rolesSQL, "every row of pg_roles"},
		{"auth_members", "memberships", membersSQL, "every row of pg_auth_members"},
	} {
		err := r.step(ctx, p.basis, []retinue.Scope{w.scope(p.scope)}, func() error {
			err := r.s.rows(ctx, section{name: p.name, sql: p.sql}, func(row []byte) error { return w.put(p.name, row) })
			failed = errors.Join(failed, err)
			return err
		})
		if err != nil {
			return err
		}
	}
	return r.step(ctx, "every predefined row of pg_roles and pg_auth_members", []retinue.Scope{w.scope("predefined-roles")},
		func() error { return failed })
}

func (r *liveRun) hostRules(ctx context.Context, sec section) error {
	var rules []hostRule
	if err := r.s.rows(ctx, sec, func(row []byte) error {
		return decodeRow(sec.name, row, func(h hostRule) error { rules = append(rules, h); return nil })
	}); err != nil {
		return err
	}
	if err := r.w.hostRules(rules); err != nil {
		return sinkError{err}
	}
	return nil
}

// databaseList states the databases, whose scopes are the children of the
// scope "databases".
func (r *liveRun) databaseList(ctx context.Context, sec section) error {
	scope := r.w.scope("databases")
	err := r.s.rows(ctx, sec, func(row []byte) error {
		return decodeRow(sec.name, row, func(d database) error {
			r.listed = append(r.listed, d)
			return r.w.database(scope, d)
		})
	})
	if _, ok := errors.AsType[sinkError](err); ok {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return r.w.problem(scope, err)
	}
	var children []retinue.Scope
	for _, d := range r.listed {
		children = append(children, r.w.scope("databases", d.Name))
	}
	return r.w.complete(scope, "every row of pg_database", children...)
}

// chosen returns the databases to read.
func (r *liveRun) chosen() []string {
	if len(r.opt.databases) > 0 {
		return slices.Compact(slices.Sorted(slices.Values(r.opt.databases)))
	}
	if !r.opt.all {
		return []string{r.s.header.Database}
	}
	var out []string
	for _, d := range r.listed {
		if d.AllowConn != nil && *d.AllowConn && !d.Template {
			out = append(out, d.Name)
		}
	}
	return out
}

// databasePart reads one database over a connection of its own, unless it is
// the one that is open.
func (r *liveRun) databasePart(ctx context.Context, db string) error {
	scopes := []retinue.Scope{r.w.scope("databases", db), r.w.scope("databases", db, "system")}
	stored := []retinue.Scope{r.w.scope("databases", db, "stored-credentials")}
	s := r.s
	if db != s.header.Database {
		var err error
		if s, err = r.connect(ctx, db); err != nil {
			return r.step(ctx, "", append(scopes, stored...), func() error { return err })
		}
		defer s.close()
	}
	read := func(sec section) error {
		return s.rows(ctx, sec, func(row []byte) error { return r.w.putIn(db, sec.name, row) })
	}
	if err := r.step(ctx, "every row of the system catalogs of the database", scopes, func() error {
		for _, sec := range databaseSections() {
			if sec.needs != "" {
				continue
			}
			if err := read(sec); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if !s.can["mappings"] {
		return nil
	}
	return r.step(ctx, "every row of pg_user_mappings and pg_subscription, as a superuser", stored, func() error {
		return read(section{name: "mappings", sql: mappingsSQL})
	})
}

// notes says what this login does not show.
func (r *liveRun) notes() {
	note := func(kind connector.NoteKind, scope retinue.Scope, text string) {
		r.w.sink.Note(connector.Note{Kind: kind, Scope: scope, Text: text})
	}
	for _, m := range r.missing() {
		note(connector.NoteBlindSpot, m.Scope, m.Consequence+": it needs "+m.Permission)
	}
	read := r.chosen()
	var others []string
	for _, d := range r.listed {
		if !d.Template && !slices.Contains(read, d.Name) {
			others = append(others, d.Name)
		}
	}
	if len(others) > 0 {
		note(connector.NoteBlindSpot, r.w.scope("databases"), fmt.Sprintf("objects of %d other databases were not read (%s): give databases=all",
			len(others), retinue.CleanName(strings.Join(others[:min(len(others), 10)], ", "))))
	}
	for _, text := range blindSpots() {
		note(connector.NoteBlindSpot, retinue.Scope{}, text)
	}
}
