package postgres

import "github.com/retinue-id/retinue/connector"

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Kind:    Kind,
		Title:   "PostgreSQL",
		Summary: "Roles, memberships, privileges and connections of a PostgreSQL server, live or from dumps.",
		Target: []connector.TargetForm{
			{Form: "service:NAME", Help: "a service of the connection service file (pg_service.conf)"},
			{Form: "URL", Help: "a URL without a password, such as postgres://retinue@db.example.org/app?sslmode=verify-full; the password comes from the password file (.pgpass) or PGPASSWORD", Remote: true},
			{Form: "KEYWORDS", Help: `a connection string, such as "host=db.example.org dbname=app"`, Remote: true},
			{Form: "PATH", Help: "files that pg_dumpall --globals-only, pg_dump --schema-only or the catalog query wrote, or a folder of them; several are separated by \";\""},
		},
		TargetOptional: true,
		Options: []connector.Option{
			{Name: "databases", Help: "databases whose objects are read, or all for every one that allows connections", Default: "the one that is connected to", List: true, Reach: connector.ReachSystem},
			{Name: "timeout", Help: "how long one statement may take, such as 60s", Default: "60s", Reach: connector.ReachSystem},
			{Name: "password", Help: "the login's password, where no password file holds it", Default: "the password file, or PGPASSWORD", Secret: true, Reach: connector.ReachSystem},
			{Name: "system-identifier", Help: "the server's system identifier, for files that do not hold it; `select system_identifier from pg_control_system()` prints it", Default: "what the file holds, else a fallback made of names", Reach: connector.ReachSystem},
			{Name: "settings", Help: "a file of the server's settings that the query of this page wrote, where its log is read: says which server the log is of and what is not in it", Default: "none: what is not in the log is not known", Reach: connector.ReachMachine},
			{Name: "timezone", Help: "the server's setting log_timezone, where its log is read", Default: "what settings= says, else the abbreviation in each line where it means one zone only", Reach: connector.ReachSystem},
			{Name: "line-prefix", Help: "the server's setting log_line_prefix, for a log in the text format", Default: "what settings= says", Reach: connector.ReachSystem},
			{Name: "database", Help: "name of the database that a pg_dump file without --create is of", Default: "what the file says, else the file's name", Reach: connector.ReachMachine},
			{Name: "partial", Help: "yes where a dump was made with --schema, --table, --no-privileges or the like: nothing that it lacks is then taken to be gone", Default: "no", Values: []string{"yes", "no"}, Reach: connector.ReachMachine},
		},
		Examples: []connector.TargetForm{
			{Form: "postgres=service:prod", Help: "the server of the service prod, its default database"},
			{Form: "postgres=postgres://retinue@db.example.org/app?sslmode=verify-full,databases=all", Help: "every database of a server"},
			{Form: "postgres", Help: "the server that PGHOST, PGDATABASE and so on name"},
			{Form: "postgres=globals.sql;app.sql,system-identifier=7300000000000000001", Help: "dumps, counted as the same server as a live scan"},
			{Form: "postgres=catalog.json", Help: "what the catalog query wrote"},
		},
		Privileges: privilegeDocuments(),
		Sees: []string{
			"roles with their attributes, settings by name, comments, and whether a person or software logs in with them as far as that can be told",
			"memberships with admin, inherit and set options and grantor",
			"owner and access list of databases, schemas, tables, views, sequences, columns, functions, types, languages, foreign servers, tablespaces and parameters",
			"default privileges, row security and its policies, functions that run as their owner",
			"which roles have a password, how it is hashed and when it expires, where pg_authid may be read; never the hash",
			"the rules of pg_hba.conf, where they may be read",
			"connections at the time of the scan, as uses",
			"where a password for another server is stored in a user mapping or a subscription, by its name (a superuser sees them)",
		},
		BlindSpots: append(blindSpots(),
			"passwords without select on pg_authid, pg_hba.conf without a grant, details of other roles' connections without pg_read_all_stats",
			"objects of the system's schemas and of extensions whose privileges nobody changed",
			"a dump holds no connections, no pg_hba.conf, no predefined roles, and without --create no privileges on its database"),
		CouldRead: []string{
			"the login of the first document reads system catalogs, which every role of the server may, and the text of other roles' running queries (pg_read_all_stats)",
			"select on pg_authid shows password hashes: the connector asks the server for their kind only, but a holder of the login could read them",
		},
		Open:   open,
		Remote: remote,
		Script: Script,

		Activity: activity(),
	}
}

// privilegeDocuments are the least privileges, ready to paste.
func privilegeDocuments() []connector.Document {
	return []connector.Document{
		{Title: "A login for the scan", Language: "sql", Body: `create role retinue login connection limit 3;
-- Give it a password with psql's \password retinue, or let pg_hba.conf admit it by certificate or peer.
-- Details of other roles' connections:
grant pg_read_all_stats to retinue;
-- In each database that PUBLIC may not connect to:
-- grant connect on database app to retinue;
`},
		{Title: "Also: password presence, method and expiry (opens the hashes to this login)", Language: "sql", Body: `-- In the database that the scan connects to, as a superuser:
grant select on pg_catalog.pg_authid to retinue;
`},
		{Title: "Also: the rules of pg_hba.conf", Language: "sql", Body: `-- In the database that the scan connects to, as a superuser:
grant select on pg_catalog.pg_hba_file_rules to retinue;
grant execute on function pg_catalog.pg_hba_file_rules() to retinue;
`},
	}
}
