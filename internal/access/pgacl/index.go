package pgacl

import (
	"fmt"

	"github.com/retinue-id/retinue"
)

// The bounds of a state.
const (
	maxRoles   = 5_000_000
	maxObjects = 20_000_000
)

// Index is a State made ready for questions. Any number of goroutines may ask
// it.
type Index struct {
	version  int
	graph    *rolesGraph
	objects  []compiled
	byName   map[objectKey][]int32
	defaults []Default
	// databases are those of which objects are known.
	databases map[string]bool
	// parameters says that grants on some parameter are known, and so those on
	// all: the catalog holds no row for the others.
	parameters bool
}

// compiled is an object with its access list over role numbers.
type compiled struct {
	*Object
	owner int32
	items []grantItem
	// columns are by name.
	columns map[string][]grantItem
	unread  string // why not every grant is known
}

type grantItem struct {
	grantee int32
	privs   privs
	text    string
}

// objectKey finds objects by name. Relations share one space of names.
type objectKey struct {
	kind             Kind
	database, schema string
	name             string
}

func (o *Object) key() objectKey {
	k := o.Kind
	if k == Sequence {
		k = Table
	}
	return objectKey{kind: k, database: o.Database, schema: o.Schema, name: o.Name}
}

// New makes an Index. It keeps the slices of s, which must not be changed
// afterwards. Entries of access lists that cannot be read make their object
// Partial. Errors wrap retinue.ErrInvalid.
func New(s State) (*Index, error) {
	if len(s.Roles)+len(s.Memberships) > maxRoles || len(s.Objects) > maxObjects {
		return nil, fmt.Errorf("%w: compile PostgreSQL catalog: %d roles, %d memberships and %d objects are too many", retinue.ErrInvalid,
			len(s.Roles), len(s.Memberships), len(s.Objects))
	}
	x := &Index{version: s.Version, graph: newRoles(s), objects: make([]compiled, 0, len(s.Objects)), byName: make(map[objectKey][]int32, len(s.Objects)),
		defaults: s.Defaults, databases: map[string]bool{}}
	for i := range s.Objects {
		o := &s.Objects[i]
		n, k := int32(len(x.objects)), o.key()
		x.byName[k] = append(x.byName[k], n)
		if k.schema != "" {
			k.schema = anySchema
			x.byName[k] = append(x.byName[k], n)
		}
		x.objects = append(x.objects, x.compile(o, x.graph.intern))
		if o.Kind == Database {
			x.graph.owners[o.Name] = x.objects[len(x.objects)-1].owner
		}
		x.parameters = x.parameters || o.Kind == Parameter
		if o.Database != "" {
			x.databases[o.Database] = true
		}
	}
	return x, nil
}

// compile numbers the roles of an object's access lists.
func (x *Index) compile(o *Object, number func(string) int32) compiled {
	c := compiled{Object: o, owner: nobody}
	if o.Owner != "" {
		c.owner = number(o.Owner)
	}
	if o.Partial {
		c.unread = "not every grant on it is known"
	}
	if o.ACL != nil {
		c.items = c.read(o.ACL, number)
	} else if o.Kind != Parameter {
		for _, it := range builtin(o.Kind, o.Owner, x.version) {
			c.items = append(c.items, grantOf(it, number))
		}
		if o.Owner == "" {
			c.items, c.unread = c.items[:len(c.items)-1], "its owner is not known"
		}
	}
	for _, col := range o.Columns {
		if c.columns == nil {
			c.columns = make(map[string][]grantItem, len(o.Columns))
		}
		c.columns[col.Name] = append(c.columns[col.Name], c.read(col.ACL, number)...)
	}
	return c
}

func (c *compiled) read(acl []string, number func(string) int32) []grantItem {
	out := make([]grantItem, 0, len(acl))
	for _, text := range acl {
		it, err := ParseItem(text)
		if err != nil {
			c.unread = "an entry of its access list cannot be read: " + clip(text)
			continue
		}
		out = append(out, grantOf(it, number))
	}
	return out
}

func grantOf(it Item, number func(string) int32) grantItem {
	g := grantItem{grantee: public, privs: it.privs, text: it.String()}
	if it.Grantee != "" {
		g.grantee = number(it.Grantee)
	}
	return g
}

// only returns the one database of which objects are known, or "".
func (x *Index) only() string {
	if len(x.databases) != 1 {
		return ""
	}
	for db := range x.databases {
		return db
	}
	return ""
}
