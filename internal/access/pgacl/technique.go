package pgacl

import "github.com/retinue-id/retinue/internal/access/graph"

// Gain says what a technique takes.
type Gain string

// The gains.
const (
	// GainSystem: to run as the operating system's account that the server runs
	// as, which holds everything of the server.
	GainSystem Gain = "system account"
	// GainFiles: to read the server's files, and with them all that it stores.
	GainFiles Gain = "files"
	// GainReading and GainWriting: the content of every table.
	GainReading Gain = "all data"
	GainWriting Gain = "change of all data"
	// GainVerifiers: the hashes of passwords that are as good as the password.
	GainVerifiers Gain = "password hashes"
	// GainRole: to act as another role, GainRoles as every role that is no
	// superuser.
	GainRole  Gain = "role"
	GainRoles Gain = "every role"
	// GainStored: a credential for another system.
	GainStored Gain = "stored credential"
)

// Technique is a way to gain what a role was not given. It needs one of a role,
// an attribute, a privilege or an option.
type Technique struct {
	ID    string     `json:"id"`
	Title string     `json:"title"`
	Verb  graph.Verb `json:"verb"`
	Gain  Gain       `json:"gain"`
	// Role is a predefined role whose privileges are needed.
	Role string `json:"role,omitempty"`
	// Attribute is one of a role itself, which nobody inherits.
	Attribute string `json:"attribute,omitempty"`
	// Kind, Names and Privilege are of the objects that a privilege is needed
	// on, any of them, in pg_catalog where they lie in a schema.
	Kind      Kind     `json:"kind,omitempty"`
	Names     []string `json:"names,omitempty"`
	Privilege string   `json:"privilege,omitempty"`
	// Option says that the technique uses an option of memberships.
	Option string `json:"option,omitempty"`
	// Before is the version before which it works.
	Before int `json:"before,omitempty"`
	// Remains is what must also happen and is not for the role to choose.
	Remains string `json:"remains,omitempty"`
	// Source is the section of the manual.
	Source string `json:"source"`
}

// Techniques are the known ways. Left out, because what follows depends on what
// others run or have written: functions that run as their owner, triggers, and
// objects in a schema of somebody's search_path; pg_signal_backend and its like
// give no rights; languages that are not trusted cannot be granted.
func Techniques() []Technique {
	const predefined, generic = "PostgreSQL manual, chapter Predefined Roles", "PostgreSQL manual, section Generic File Access Functions"
	const objects = "PostgreSQL manual, section Server-Side Functions (large objects)"
	return []Technique{
		{ID: "pg_execute_server_program", Title: "runs a program as the server's account", Verb: graph.ExecsInto, Gain: GainSystem, Role: "pg_execute_server_program", Source: predefined},
		{ID: "pg_write_server_files", Title: "writes files as the server's account", Verb: graph.Writes, Gain: GainSystem, Role: "pg_write_server_files", Source: predefined},
		{ID: "pg_read_server_files", Title: "reads files as the server's account", Verb: graph.Reads, Gain: GainFiles, Role: "pg_read_server_files", Source: predefined},
		{ID: "pg_read_all_data", Title: "reads every table", Verb: graph.Reads, Gain: GainReading, Role: "pg_read_all_data", Source: predefined},
		{ID: "pg_read_all_data of pg_authid", Title: "reads the hashes of passwords", Verb: graph.ReadsSecret, Gain: GainVerifiers, Role: "pg_read_all_data", Source: predefined},
		{ID: "pg_write_all_data", Title: "changes every table", Verb: graph.Writes, Gain: GainWriting, Role: "pg_write_all_data", Source: predefined},
		{ID: "REPLICATION", Title: "copies the whole server", Verb: graph.Reads, Gain: GainFiles, Attribute: "REPLICATION", Source: "PostgreSQL manual, section Role Attributes; pg_basebackup"},
		{ID: "SUPERUSER", Title: "runs a program as the server's account", Verb: graph.ExecsInto, Gain: GainSystem, Attribute: "SUPERUSER", Source: "PostgreSQL manual, COPY, section Notes"},
		{ID: "CREATEROLE", Title: "grants itself any role that is no superuser", Verb: graph.Attaches, Gain: GainRoles, Attribute: "CREATEROLE", Before: 16,
			Source: "PostgreSQL 15 manual, section Role Attributes"},
		{ID: "admin option", Title: "grants itself a role that it administers", Verb: graph.Attaches, Gain: GainRole, Option: "ADMIN", Source: "PostgreSQL manual, GRANT, section GRANT on Roles"},
		{ID: "select on pg_authid", Title: "reads the hashes of passwords", Verb: graph.ReadsSecret, Gain: GainVerifiers, Kind: Table, Names: []string{"pg_authid", "pg_shadow"},
			Privilege: "SELECT", Source: "PostgreSQL manual, section Password Authentication; chapter System Catalogs, pg_authid"},
		{ID: "alter system", Title: "sets a command that the server runs", Verb: graph.ExecsInto, Gain: GainSystem, Kind: Parameter,
			Names:     []string{"archive_command", "restore_command", "archive_cleanup_command", "recovery_end_command", "ssl_passphrase_command"},
			Privilege: "ALTER SYSTEM", Remains: "the server reads its configuration again, or is started again, and uses the command",
			Source: "PostgreSQL manual, GRANT, section GRANT on Database Objects; chapter Server Configuration"},
		{ID: "lo_export", Title: "writes files as the server's account", Verb: graph.Writes, Gain: GainSystem, Kind: Function, Names: []string{"lo_export"}, Privilege: "EXECUTE", Source: objects},
		{ID: "pg_read_file", Title: "reads the server's files", Verb: graph.Reads, Gain: GainFiles, Kind: Function,
			Names: []string{"pg_read_file", "pg_read_binary_file"}, Privilege: "EXECUTE", Source: generic},
		{ID: "lo_import", Title: "reads files as the server's account", Verb: graph.Reads, Gain: GainFiles, Kind: Function, Names: []string{"lo_import"}, Privilege: "EXECUTE", Source: objects},
		{ID: "user mapping", Title: "reads the password of its user mapping, or uses it", Verb: graph.ReadsSecret, Gain: GainStored, Kind: ForeignServer, Privilege: "USAGE",
			Source: "PostgreSQL manual, chapter System Views, pg_user_mappings"},
	}
}
