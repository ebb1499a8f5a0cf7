package postgres

import (
	"encoding/json"
	"strings"
	"time"
)

// The rows that every way of reading fills: the queries of sections.go (live
// and in the catalog JSON) by their JSON names, and the reader of dumps.

// header is what a source says about itself.
type header struct {
	Format           string `json:"format"`
	Version          int    `json:"version"` // major
	ServerVersion    string `json:"server_version"`
	Database         string `json:"database"`
	SystemIdentifier string `json:"system_identifier"`
	ObservedAt       string `json:"observed_at"`
}

// role is a row of pg_roles.
type role struct {
	OID         int64    `json:"oid"` // 0 in a dump
	Name        string   `json:"rolname"`
	Super       bool     `json:"rolsuper"`
	Inherit     bool     `json:"rolinherit"`
	CreateRole  bool     `json:"rolcreaterole"`
	CreateDB    bool     `json:"rolcreatedb"`
	Login       bool     `json:"rolcanlogin"`
	Replication bool     `json:"rolreplication"`
	BypassRLS   bool     `json:"rolbypassrls"`
	ConnLimit   int      `json:"rolconnlimit"`
	ValidUntil  *string  `json:"rolvaliduntil"`
	Settings    []string `json:"settings"`     // names only: values may be secret
	SettingRole string   `json:"setting_role"` // value of the setting "role"
	Comment     string   `json:"comment"`
}

// member is a row of pg_auth_members. Inherit and Set exist from version 16.
type member struct {
	Role    string `json:"role"`
	Member  string `json:"member"`
	Grantor string `json:"grantor"`
	Admin   bool   `json:"admin_option"`
	Inherit *bool  `json:"inherit_option"`
	Set     *bool  `json:"set_option"`
}

// password says that a role has a password and by which method it is verified.
// It never holds the verifier.
type password struct {
	Role       string  `json:"rolname"`
	Method     string  `json:"method"`
	Iterations int     `json:"iterations"`
	ValidUntil *string `json:"rolvaliduntil"`
}

// database is a row of pg_database.
type database struct {
	Name      string `json:"datname"`
	Owner     string `json:"owner"`
	ACL       aclRow `json:"acl"`
	AllowConn *bool  `json:"datallowconn"`
	Template  bool   `json:"datistemplate"`
	ConnLimit *int   `json:"datconnlimit"`
}

// namespace is a row of pg_namespace.
type namespace struct {
	Name   string `json:"nspname"`
	Owner  string `json:"owner"`
	ACL    aclRow `json:"acl"`
	System bool   `json:"system"`
}

// relation is a row of pg_class with those columns that have privileges of
// their own and with its row security policies.
type relation struct {
	Schema    string      `json:"schema"`
	Name      string      `json:"relname"`
	Kind      string      `json:"relkind"`
	Owner     string      `json:"owner"`
	ACL       aclRow      `json:"acl"`
	RowSec    bool        `json:"relrowsecurity"`
	ForceSec  bool        `json:"relforcerowsecurity"`
	AsInvoker bool        `json:"security_invoker"`
	Columns   []column    `json:"columns"`
	Policies  []rowPolicy `json:"policies"`
	System    bool        `json:"system"`
}

// column is a row of pg_attribute. Schema and Relation are set where columns
// are listed apart.
type column struct {
	Schema   string `json:"schema,omitempty"`
	Relation string `json:"relname,omitempty"`
	Name     string `json:"attname"`
	ACL      aclRow `json:"acl"`
}

// rowPolicy is a row of pg_policy.
type rowPolicy struct {
	Name       string   `json:"polname"`
	Command    string   `json:"command"` // all, select, insert, update, delete
	Permissive bool     `json:"permissive"`
	Roles      []string `json:"roles"` // "public" alone is everyone
	Using      string   `json:"using"`
	Check      string   `json:"check"`
}

// routine is a row of pg_proc.
type routine struct {
	Schema   string   `json:"schema"`
	Name     string   `json:"proname"`
	Args     string   `json:"args"` // pg_get_function_identity_arguments
	Kind     string   `json:"prokind"`
	Definer  bool     `json:"prosecdef"`
	Owner    string   `json:"owner"`
	ACL      aclRow   `json:"acl"`
	Settings []string `json:"settings"`
	System   bool     `json:"system"`
}

// object is any other thing with an owner and an access list: a type, a
// language, a foreign data wrapper, a foreign server, a tablespace, a
// configuration parameter.
type object struct {
	Kind    string `json:"kind"`
	Schema  string `json:"schema"`
	Name    string `json:"name"`
	Owner   string `json:"owner"`
	ACL     aclRow `json:"acl"`
	Trusted *bool  `json:"trusted"` // languages
	System  bool   `json:"system"`
}

// defaultACL is a row of pg_default_acl. An empty schema is the whole database.
type defaultACL struct {
	Role   string `json:"role"`
	Schema string `json:"schema"`
	Type   string `json:"defaclobjtype"`
	ACL    aclRow `json:"acl"`
}

// session is a group of client connections that differ in nothing else.
type session struct {
	Role        string  `json:"usename"`
	Database    string  `json:"datname"`
	Application string  `json:"application_name"`
	Client      string  `json:"client_addr"`
	Count       int     `json:"count"`
	LastActive  *string `json:"last_active"`
}

// hostRule is a line of pg_hba.conf as the server reads it. Options hold names
// only where a value is secret.
type hostRule struct {
	Line     int      `json:"line_number"`
	Type     string   `json:"type"`
	Database []string `json:"database"`
	User     []string `json:"user_name"`
	Address  string   `json:"address"`
	Netmask  string   `json:"netmask"`
	Method   string   `json:"auth_method"`
	Options  []string `json:"options"`
}

// userMapping is a row of pg_user_mappings or pg_subscription whose options
// hold a password for another server.
type userMapping struct {
	Kind   string `json:"kind"` // user_mapping, subscription
	Server string `json:"server"`
	Role   string `json:"role"`
	Option string `json:"option"`
}

// aclRow is an access list as the catalogs hold it. Null is the built-in
// default, which an empty list is not.
type aclRow struct {
	Items []string
	Valid bool
}

// UnmarshalJSON reads null or a list of strings.
func (a *aclRow) UnmarshalJSON(b []byte) error {
	a.Items = nil
	a.Valid = string(b) != "null"
	if !a.Valid {
		return nil
	}
	return json.Unmarshal(b, &a.Items)
}

// aclOf makes a present access list.
func aclOf(items ...string) aclRow { return aclRow{Items: items, Valid: true} }

// parseTime reads a timestamp as JSON, psql or a dump writes it. Infinity and
// what cannot be read give the zero time.
func parseTime(s string) time.Time {
	s = strings.TrimSpace(s)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999-07:00", "2006-01-02 15:04:05.999999-07",
		"2006-01-02T15:04:05.999999-07", "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}
