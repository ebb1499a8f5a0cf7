package postgres

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// CatalogScript returns the psql script that writes the catalog of one database
// as JSON: the same queries as the live path, in one read-only transaction.
// What the login may not read becomes null. Run it with
//
//	psql --no-psqlrc --quiet --no-align --tuples-only --file=SCRIPT app >catalog.json
func CatalogScript() string {
	var b strings.Builder
	b.WriteString(`\set ON_ERROR_STOP on
begin transaction isolation level repeatable read read only;
set local search_path = '';
set local timezone = 'UTC';
set local datestyle = 'ISO';
set local statement_timeout = '10min';
`)
	fmt.Fprintf(&b, `select current_setting('server_version_num')::int >= 150000 as since_15,
       %s as may_passwords,
       %s as may_host_rules,
       %s as may_identifier,
       %s as may_mappings \gset
`, mayReadAuthid, canReadHostRules, canReadIdentifier, canReadMappings)
	fmt.Fprintf(&b, `select '{"format":"%s","version":' || current_setting('server_version_num')::int / 10000
       || ',"server_version":' || pg_catalog.to_json(current_setting('server_version'))
       || ',"database":' || pg_catalog.to_json(current_database()::text)
       || ',"observed_at":' || pg_catalog.to_json(pg_catalog.clock_timestamp());
\if :may_identifier
select ',"system_identifier":' || pg_catalog.to_json(system_identifier::text) from pg_catalog.pg_control_system();
\endif
`, CatalogFormat)
	for _, s := range append(serverSections(), databaseSections()...) {
		text := fmt.Sprintf("select ',\"%s\":' || coalesce(pg_catalog.json_agg(q)::text, '[]') from (%s) q;\n", s.name, s.sql)
		condition := ""
		switch {
		case s.needs != "":
			condition = "may_" + s.name
		case s.since > firstVersion:
			condition = fmt.Sprintf("since_%d", s.since)
		}
		if condition != "" {
			text = fmt.Sprintf("\\if :%s\n%s\\else\nselect ',\"%s\":null';\n\\endif\n", condition, text, s.name)
		}
		b.WriteString(text)
	}
	b.WriteString("select '}';\ncommit;\n")
	return b.String()
}

// Script writes a shell script that exports the catalogs with psql: one file
// for each chosen database, in the folder retinue-postgres. It holds no
// password; psql finds one as it always does.
func Script(cfg connector.Config) (string, error) {
	opt, err := parseOptions(cfg)
	if err != nil {
		return "", err
	}
	target := cfg.Target
	if holdsPassword(target) {
		return "", fmt.Errorf("%w: source %s: the target holds a password, which would stand in the script: leave it out", retinue.ErrInvalid, Kind)
	}
	if target != "" && isFileTarget(target) {
		return "", fmt.Errorf("%w: source %s: %s is no server: want service:NAME, a URL or nothing", retinue.ErrInvalid, Kind, retinue.CleanName(target))
	}
	if name, ok := strings.CutPrefix(target, "service:"); ok {
		target = "service=" + quoteValue(name)
	}
	return fmt.Sprintf(`#!/bin/sh
# Exports roles and privileges of a PostgreSQL server, for reading with
#   retinue scan postgres=retinue-postgres
# It reads system catalogs in read-only transactions and writes no password.
set -eu
umask 077
dir=retinue-postgres
mkdir -p "$dir"
server=%s
run() { psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 "$@"; }
cat >"$dir/catalog.psql" <<'RETINUE'
%sRETINUE
n=0
run --dbname="$server" --command=%s |
while IFS= read -r database; do
  n=$((n + 1))
  PGDATABASE=$database run --dbname="$server" --command='\connect -reuse-previous=on '"\"$(printf %%s "$database" | sed 's/"/""/g')\"" \
    --file="$dir/catalog.psql" >"$dir/catalog-$n.json"
  echo "$dir/catalog-$n.json: $database"
done
`, shellQuote(target), CatalogScript(), shellQuote(databaseListSQL(opt))), nil
}

// databaseListSQL lists the databases to export, one a row.
func databaseListSQL(opt options) string {
	switch {
	case opt.all:
		return "select datname from pg_catalog.pg_database where datallowconn and not datistemplate"
	case len(opt.databases) > 0:
		names := make([]string, len(opt.databases))
		for i, d := range opt.databases {
			names[i] = "('" + strings.ReplaceAll(d, "'", "''") + "')"
		}
		return "select * from (values " + strings.Join(names, ", ") + ") v"
	}
	return "select current_database()"
}

// shellQuote writes a word of a shell script.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
