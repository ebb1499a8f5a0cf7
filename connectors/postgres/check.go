package postgres

import (
	"context"
	"fmt"

	"github.com/retinue-id/retinue/connector"
)

// Check implements connector.Connector: it connects and asks what this login
// may read.
func (l *live) Check(ctx context.Context) (connector.Access, error) {
	s, err := l.connect(ctx, "")
	if err != nil {
		return connector.Access{}, err
	}
	defer s.close()
	realm, _ := l.realm(s)
	r := &liveRun{live: l, s: s, w: &writer{realm: realm}}
	a := connector.Access{Realm: realm, Name: fmt.Sprintf("PostgreSQL %d at %s", s.header.Version, l.place()),
		Principal: s.user, Missing: r.missing(), NotCovered: nil}
	if err := s.rows(ctx, section{name: "databases", sql: databasesSQL}, func(row []byte) error {
		return decodeRow("databases", row, func(d database) error { r.listed = append(r.listed, d); return nil })
	}); err != nil {
		return connector.Access{}, err
	}
	dbs := len(r.chosen())
	a.Calls = len(serverSections()) + 2 + dbs*(len(databaseSections())+3)
	a.CouldRead, err = s.couldRead(ctx)
	return a, err
}

// missing lists what this login may not see.
func (r *liveRun) missing() []connector.Missing {
	var out []connector.Missing
	add := func(ok bool, permission, scope, consequence string) {
		if !ok {
			out = append(out, connector.Missing{Permission: permission, Scope: r.w.scope(scope), Consequence: consequence})
		}
	}
	add(r.s.can["passwords"], "select on pg_authid (a superuser, or a grant)", "passwords",
		"which roles have a password, how it is hashed and when it expires is not known")
	add(r.s.can["host_rules"], "select on pg_hba_file_rules and execute on pg_hba_file_rules()", "authentication",
		"which authentication method pg_hba.conf asks for is not known")
	add(r.s.can["mappings"], "a superuser, for the options of other roles' user mappings and of subscriptions", "databases",
		"where passwords for other servers are stored in the databases is not known")
	add(r.s.can["activity"], "membership in pg_read_all_stats", "connections",
		"address, program and last activity of other roles' connections are not known")
	return out
}

// couldRead says what this login would allow beyond the catalogs.
func (s *liveSession) couldRead(ctx context.Context) ([]string, error) {
	var super, data, files, program, write, createRole, replication bool
	err := s.tx.QueryRow(ctx, `select r.rolsuper, pg_catalog.pg_has_role('pg_read_all_data', 'member'),
       pg_catalog.pg_has_role('pg_read_server_files', 'member'), pg_catalog.pg_has_role('pg_execute_server_program', 'member'),
       pg_catalog.pg_has_role('pg_write_all_data', 'member'), r.rolcreaterole, r.rolreplication
  from pg_catalog.pg_roles r where r.rolname = current_user`).Scan(&super, &data, &files, &program, &write, &createRole, &replication)
	if err != nil {
		if s.header.Version < 14 { // pg_read_all_data came with 14
			return nil, nil
		}
		return nil, failure(ctx, "read own privileges", err)
	}
	if super {
		return []string{"everything: the login is a superuser, which reads and changes all data and runs programs on the server"}, nil
	}
	var out []string
	for _, p := range []struct {
		has  bool
		text string
	}{
		{data, "the content of every table (pg_read_all_data)"},
		{write, "and change the content of every table (pg_write_all_data)"},
		{files, "files of the server (pg_read_server_files)"},
		{program, "the result of any program on the server (pg_execute_server_program)"},
		{createRole, "what roles that it makes or changes may read (CREATEROLE)"},
		{replication, "the whole data directory by streaming replication (REPLICATION)"},
	} {
		if p.has {
			out = append(out, p.text)
		}
	}
	return append(out, "tables that were granted to it or to PUBLIC"), nil
}

// blindSpots are the things that no catalog shows.
func blindSpots() []string {
	return []string{
		"use of a role: the server keeps no last login; connections that exist at the time of the scan are all that is seen",
		"what a role did inside functions that run as their owner, and privileges on large objects",
	}
}
