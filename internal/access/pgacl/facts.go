package pgacl

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
)

// Collector takes the facts that the postgres connector states of any number of
// servers, and makes a State of one or an Engine of all. It is used by one
// goroutine. The zero Collector is ready.
type Collector struct {
	realms map[retinue.Realm]*realmFacts
	order  []retinue.Realm
}

// realmFacts are those of one server.
type realmFacts struct {
	state State
	seen  map[retinue.Ref]bool
	// refs name the objects of the state, as the connector does.
	refs []retinue.Ref
	// unread counts the documents that could not be read.
	unread int
	inventory
}

// realmKind is the kind of realm that servers have.
const realmKind = "postgres"

// Add takes a fact; those that say nothing about a server are left alone. Of
// two facts of one Ref the first counts. Errors wrap retinue.ErrInvalid and name
// the document.
func (c *Collector) Add(f retinue.Fact) error {
	switch f := f.(type) {
	case retinue.Container:
		if f.Ref.Realm.Kind() == realmKind {
			c.of(f.Ref.Realm).container(f)
		}
	case retinue.Membership:
		if f.Group.Realm.Kind() == realmKind {
			c.of(f.Group.Realm).membership(f)
		}
	case retinue.Policy:
		if f.Language == retinue.LanguagePostgreSQL {
			return c.of(f.Ref.Realm).policy(f)
		}
	case retinue.Credential:
		if f.Ref.Realm.Kind() == realmKind {
			c.of(f.Ref.Realm).credential(f)
		}
	case retinue.Placement:
		if f.Place.Realm.Kind() == realmKind && f.Place.Kind == retinue.PlaceDatabase {
			c.of(f.Place.Realm).placement(f)
		}
	}
	return nil
}

func (c *Collector) of(r retinue.Realm) *realmFacts {
	f := c.realms[r]
	if f == nil {
		if c.realms == nil {
			c.realms = map[retinue.Realm]*realmFacts{}
		}
		f = &realmFacts{seen: map[retinue.Ref]bool{}, inventory: newInventory()}
		c.realms[r] = f
		c.order = append(c.order, r)
	}
	return f
}

func (c *realmFacts) container(f retinue.Container) {
	if f.Kind == retinue.ContainerServer && c.state.Version == 0 {
		c.state.Version = number(f.Attrs["major"])
	}
}

func (c *realmFacts) first(r retinue.Ref) bool {
	if c.seen[r] {
		return false
	}
	c.seen[r] = true
	return true
}

func number(v any) int {
	switch v := v.(type) {
	case float64:
		return int(v)
	case int:
		return v
	case int64:
		return int(v)
	case json.Number:
		n, _ := v.Int64()
		return int(n)
	}
	return 0
}

func (c *realmFacts) membership(m retinue.Membership) {
	if !c.first(m.FactRef()) {
		return
	}
	option := func(name string) *bool {
		if v, ok := m.Options[name].(bool); ok {
			return &v
		}
		return nil
	}
	out := Membership{Role: m.Group.Key, Member: m.Member.Key, Grantor: m.Grantor.Key, Inherit: option("inherit"), Set: option("set")}
	if admin := option("admin"); admin != nil {
		out.Admin = *admin
	}
	c.state.Memberships = append(c.state.Memberships, out)
}

// stated is every document of the connector in one: roles, objects and default
// privileges tell themselves apart by kind.
type stated struct {
	Kind        string   `json:"kind"`
	Name        string   `json:"name"`
	Superuser   bool     `json:"superuser"`
	Inherit     bool     `json:"inherit"`
	BypassRLS   bool     `json:"bypassRls"`
	Login       bool     `json:"login"`
	Create      bool     `json:"createRole"`
	CreateDB    bool     `json:"createDb"`
	Replication bool     `json:"replication"`
	Database    string   `json:"database"`
	Schema      string   `json:"schema"`
	Args        string   `json:"args"`
	Owner       string   `json:"owner"`
	ACL         []string `json:"acl"`
	Columns     []Column `json:"columns"`
	Rows        bool     `json:"rowSecurity"`
	Force       bool     `json:"forceRowSecurity"`
	Policies    []struct {
		Name       string   `json:"name"`
		Command    string   `json:"command"`
		Permissive bool     `json:"permissive"`
		Roles      []string `json:"roles"`
	} `json:"rowPolicies"`
	Changes   bool   `json:"changesOnly"`
	Truncated bool   `json:"truncated"`
	Role      string `json:"role"`
	Objects   string `json:"objects"`
}

func (c *realmFacts) policy(p retinue.Policy) error {
	if !c.first(p.Ref) {
		return nil
	}
	if err := c.document(p.Document); err != nil {
		c.unread++
		return fmt.Errorf("read %s: %w", clip(p.Name), err)
	}
	if len(c.state.Objects) > len(c.refs) { // the document's key is that of its object, behind the kind
		kind, key, _ := strings.Cut(p.Ref.Key, ":")
		c.refs = append(c.refs, retinue.NewRef(p.Ref.Realm, kind, key))
	}
	return nil
}

func (c *realmFacts) document(text string) error {
	var d stated
	if len(text) > retinue.MaxDocument {
		return fmt.Errorf("%w: document of %d bytes: the limit is %d", retinue.ErrInvalid, len(text), retinue.MaxDocument)
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return fmt.Errorf("%w: %s", retinue.ErrInvalid, retinue.CleanName(err.Error()))
	}
	d.clean()
	switch d.Kind {
	case "role":
		c.state.Roles = append(c.state.Roles, Role{Name: d.Name, Superuser: d.Superuser, Inherit: d.Inherit, BypassRLS: d.BypassRLS,
			Login: d.Login, CreateRole: d.Create, CreateDB: d.CreateDB, Replication: d.Replication})
		return nil
	case "default_privileges":
		c.state.Defaults = append(c.state.Defaults, Default{Database: d.Database, Role: d.Role, Schema: d.Schema, Kind: Kind(d.Objects), ACL: d.ACL})
		return nil
	}
	kind, ok := objectKind(d.Kind)
	if !ok {
		return fmt.Errorf("%w: document of kind %s", retinue.ErrInvalid, clip(d.Kind))
	}
	o := Object{Kind: kind, Database: d.Database, Schema: d.Schema, Name: d.Name, Args: d.Args, Owner: d.Owner, ACL: d.ACL, Columns: d.Columns,
		RowSecurity: d.Rows, ForceRowSecurity: d.Force, Partial: d.Changes || d.Truncated, View: d.Kind == "view"}
	for _, p := range d.Policies {
		o.RowPolicies = append(o.RowPolicies, RowPolicy(p))
	}
	c.state.Objects = append(c.state.Objects, o)
	return nil
}

// clean spells names as access lists and refs in the inventory do, which keep
// no control characters.
func (d *stated) clean() {
	for _, s := range []*string{&d.Name, &d.Database, &d.Schema, &d.Owner, &d.Role} {
		*s = retinue.CleanName(*s)
	}
	for i := range d.Policies {
		for j, r := range d.Policies[i].Roles {
			d.Policies[i].Roles[j] = retinue.CleanName(r)
		}
	}
}

// objectKind reads the connector's kind of object.
func objectKind(kind string) (Kind, bool) {
	switch kind {
	case "table", "partitioned_table", "view", "materialized_view", "foreign_table", "relation":
		return Table, true
	case "function", "procedure", "aggregate", "window_function":
		return Function, true
	}
	k := Kind(kind)
	return k, accepted(k) != nil && k != KindColumn && k != KindAnyColumn
}

// State returns what was added of the server that was named first: callers add
// the facts of one.
func (c *Collector) State() State {
	if len(c.order) == 0 {
		return State{}
	}
	return c.realms[c.order[0]].state
}
