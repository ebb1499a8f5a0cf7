package postgres

import "strings"

// firstVersion is the oldest major version whose catalogs the queries fit.
const firstVersion = 12

// serverSections lists what is read once for a server.
func serverSections() []section {
	return []section{
		{name: "roles", sql: rolesSQL},
		{name: "auth_members", sql: membersSQL},
		{name: "databases", sql: databasesSQL},
		{name: "tablespaces", sql: tablespacesSQL},
		{name: "parameters", since: 15, sql: parametersSQL},
		{name: "passwords", needs: mayReadAuthid, sql: authidSQL},
		{name: "host_rules", needs: canReadHostRules, sql: hostRulesSQL},
		{name: "sessions", sql: sessionsSQL},
	}
}

// What a role needs to read more than every role may.
const (
	mayReadAuthid    = `pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'select')`
	canReadHostRules = `(pg_catalog.has_table_privilege('pg_catalog.pg_hba_file_rules', 'select')
    and pg_catalog.has_function_privilege('pg_catalog.pg_hba_file_rules()', 'execute'))`
	canReadMappings = `(select rolsuper from pg_catalog.pg_roles where rolname = current_user)`
	canReadActivity = `(select rolsuper from pg_catalog.pg_roles where rolname = current_user)
    or pg_catalog.pg_has_role('pg_read_all_stats', 'usage')`
	canReadIdentifier = `pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'execute')`
)

// databaseSections lists what is read in each database.
func databaseSections() []section {
	fill := func(sql, acl, catalog, schema string) string {
		marks := strings.NewReplacer("<acl>", acl, "<catalog>", catalog, "<schema>", schema)
		return strings.NewReplacer("<system>", marks.Replace(systemCond), "<changed>", marks.Replace(changedCond)).Replace(sql)
	}
	return []section{
		{name: "schemas", sql: fill(schemasSQL, "o.nspacl", "pg_namespace", "o.nspname")},
		{name: "relations", sql: fill(relationsSQL, "o.relacl", "pg_class", "n.nspname")},
		{name: "functions", sql: fill(routinesSQL, "o.proacl", "pg_proc", "n.nspname")},
		{name: "types", sql: fill(typesSQL, "o.typacl", "pg_type", "n.nspname")},
		{name: "languages", sql: fill(languagesSQL, "o.lanacl", "pg_language", "''")},
		{name: "wrappers", sql: fill(wrappersSQL, "o.fdwacl", "pg_foreign_data_wrapper", "''")},
		{name: "servers", sql: fill(serversSQL, "o.srvacl", "pg_foreign_server", "''")},
		{name: "default_acl", sql: defaultACLSQL},
		{name: "mappings", needs: canReadMappings, sql: mappingsSQL},
	}
}
