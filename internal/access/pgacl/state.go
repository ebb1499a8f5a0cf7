package pgacl

// State is what the catalogs of one PostgreSQL server say, of one or more of
// its databases.
type State struct {
	// Version is the server's major version; 0 means that it is not known, and
	// questions that the versions answer differently are then Unknown.
	Version     int
	Roles       []Role
	Memberships []Membership
	Objects     []Object
	Defaults    []Default
}

// Role is a row of pg_authid.
type Role struct {
	Name       string
	Superuser  bool
	Inherit    bool
	BypassRLS  bool
	Login      bool
	CreateRole bool
	CreateDB   bool
	// Replication lets it copy the whole server.
	Replication bool
}

// Membership is a row of pg_auth_members: Member is a member of Role. Since
// version 16 there may be one for each grantor. Inherit and Set exist since
// then; nil takes what a GRANT without options gives: the member's own INHERIT
// attribute, and SET.
type Membership struct {
	Role, Member, Grantor string
	Admin                 bool
	Inherit, Set          *bool
}

// Kind is what sort of object an access list protects.
type Kind string

// The kinds of object. A Table is every relation that has the privileges of
// tables: tables, views, materialized views, foreign and partitioned tables.
const (
	Table         Kind = "table"
	Sequence      Kind = "sequence"
	Database      Kind = "database"
	Schema        Kind = "schema"
	Function      Kind = "function" // procedures and aggregates too
	Type          Kind = "type"
	Language      Kind = "language"
	Wrapper       Kind = "foreign_data_wrapper"
	ForeignServer Kind = "foreign_server"
	Tablespace    Kind = "tablespace"
	Parameter     Kind = "parameter"
	LargeObject   Kind = "large_object"
)

// The kinds of question beside those of objects.
const (
	// KindColumn asks has_column_privilege, KindAnyColumn
	// has_any_column_privilege.
	KindColumn    Kind = "column"
	KindAnyColumn Kind = "any_column"
	// KindRole asks pg_has_role.
	KindRole Kind = "role"
	// KindRowSecurity asks whether a role passes over the row policies of a
	// table: the opposite of row_security_active.
	KindRowSecurity Kind = "row_security"
)

// Object is something with an owner and an access list.
type Object struct {
	Kind Kind
	// Database is empty for what the whole server shares, databases among it.
	Database string
	Schema   string
	Name     string
	// Args are a function's arguments as pg_get_function_identity_arguments
	// writes them.
	Args  string
	Owner string
	// ACL is nil where the catalog's is null: then the built-in default holds.
	// An empty list that is not nil grants nothing.
	ACL     []string
	Columns []Column
	// RowSecurity and ForceRowSecurity are the switches of a table.
	RowSecurity, ForceRowSecurity bool
	RowPolicies                   []RowPolicy
	// Partial marks an object of which not every grant is known. What its
	// known grants do not allow is then Unknown.
	Partial bool
	// View is true where the relation is a view: catalogs protect those less.
	View bool
}

// Column is a column with an access list of its own.
type Column struct {
	Name string
	ACL  []string
}

// RowPolicy is a row of pg_policy.
type RowPolicy struct {
	Name       string
	Command    string // all, select, insert, update, delete
	Permissive bool
	Roles      []string // "public" alone is everyone
}

// Default is a row of pg_default_acl: what objects that Role will make start
// with. An empty schema is the whole database.
type Default struct {
	Database string
	Role     string
	Schema   string
	Kind     Kind
	ACL      []string
}
