package postgres

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// maxThings bounds how many roles, objects and privileges one dump may hold.
const maxThings = 3_000_000

// dump is what the SQL of a dump builds up. Access lists are kept as the
// statements that make them and computed at the end, when owners are known.
type dump struct {
	version     string // of the server, from the first lines
	identifier  string // from the first lines that Script writes
	database    string // likewise
	observed    time.Time
	cluster     bool // pg_dumpall wrote it
	schemaDump  bool // pg_dump wrote it
	finished    bool // its last line is there
	roles       map[string]*role
	members     map[memberKey]member
	passwords   map[string]password
	created     map[string]*database
	databaseACL map[string][]aclChange
	dbs         map[string]*dumpDatabase
	global      map[string]*dumpObject // tablespaces, parameters
	things      int
	limit       int // of things; maxThings
	unread      int // statements that say something about privileges and could not be read
	current     *dumpDatabase
	session     string          // SET SESSION AUTHORIZATION
	named       bool            // database is not merely the file's name
	assumed     map[string]bool // databases named after their file
	statedNames []string        // databases that the dumps name
	err         error           // why not all of a file could be read
}

// memberKey is what tells memberships apart.
type memberKey struct{ role, member, grantor string }

func (k memberKey) compare(o memberKey) int {
	return cmp.Or(strings.Compare(k.role, o.role), strings.Compare(k.member, o.member), strings.Compare(k.grantor, o.grantor))
}

// dumpDatabase is one database of a dump.
type dumpDatabase struct {
	name          string
	objects       map[string]*dumpObject
	defaults      map[string]*dumpDefault
	mappings      []userMapping
	subscriptions []string    // those whose connection holds a password
	lastCreate    *dumpObject // a routine whose identity arguments follow
	err           error       // why not all of its file could be read
}

// dumpObject is anything with an owner and an access list.
type dumpObject struct {
	kind, schema, name, args string
	owner                    string
	changes                  []aclChange
	columns                  map[string][]aclChange
	defined                  bool // the dump creates it
	ownedBy                  string
	rowSec, forceSec         bool
	invoker, definer         bool
	settings                 []string
	policies                 []rowPolicy
	trusted                  *bool
	relkind, prokind         string
}

// aclChange is one grantee of a GRANT or REVOKE.
type aclChange struct {
	revoke, option  bool
	all             bool
	privs           string
	grantee, author string
}

type dumpDefault struct {
	defaultACL
	changes []aclChange
}

func newDump() *dump {
	return &dump{limit: maxThings, roles: map[string]*role{}, members: map[memberKey]member{}, passwords: map[string]password{}, created: map[string]*database{},
		databaseACL: map[string][]aclChange{}, dbs: map[string]*dumpDatabase{}, global: map[string]*dumpObject{},
		assumed: map[string]bool{}}
}

// count bounds what a dump may build up: a short statement can name thousands of
// grantees on thousands of objects. It reports whether there is room for one
// more thing; read reports the error.
func (d *dump) count() bool {
	d.things++
	return d.things <= d.limit
}

func (d *dump) full() error {
	if d.things <= d.limit {
		return nil
	}
	return fmt.Errorf("%w: a dump of more than %d roles, objects and privileges", retinue.ErrUnsupported, d.limit)
}

// in returns the database that statements are about, which the file's name
// names where the dump does not.
func (d *dump) in() *dumpDatabase {
	if d.current == nil {
		if !d.named {
			d.assumed[d.database] = true
		}
		d.use(d.database)
	}
	return d.current
}

func (d *dump) use(name string) {
	db := d.dbs[name]
	if db == nil {
		db = &dumpDatabase{name: name, objects: map[string]*dumpObject{}, defaults: map[string]*dumpDefault{}}
		d.dbs[name] = db
	}
	d.current = db
}

// objectKey tells objects apart: relations share one name space, as do
// routines, types and so on.
func objectKey(group, schema, name, args string) string {
	return group + "\x00" + schema + "\x00" + name + "\x00" + args
}

// group is the name space of a kind.
func group(kind string) string {
	switch kind {
	case "table", "partitioned_table", "view", "materialized_view", "sequence", "foreign_table", "relation":
		return "relation"
	case "function", "procedure", "aggregate", "window_function", "routine":
		return "routine"
	}
	return kind
}

func (db *dumpDatabase) object(kind, schema, name, args string) *dumpObject {
	k := objectKey(group(kind), schema, name, args)
	o := db.objects[k]
	if o == nil {
		o = &dumpObject{kind: kind, schema: schema, name: name, args: args}
		db.objects[k] = o
	}
	return o
}

// apply computes an access list from its default and the changes, as the
// server does: a grant adds to the entry of its grantee and grantor, a revoke
// takes from it.
func apply(base []aclItem, changes []aclChange, kind, owner string, version int) []aclItem {
	list := slices.Clone(base)
	for _, c := range changes {
		privs := c.privs
		if c.all {
			privs = allPrivileges(kind, version)
		}
		author := c.author
		if author == "" {
			author = owner
		}
		it := aclItem{grantee: c.grantee, grantor: author, privs: sortLetters(privs)}
		if !c.revoke {
			if c.option {
				it.options = it.privs
			}
			list = mergeItem(list, it)
			continue
		}
		for i := range list {
			if list[i].grantee == c.grantee && list[i].grantor == author {
				list[i].options = without(list[i].options, privs)
				if !c.option {
					list[i].privs = without(list[i].privs, privs)
				}
			}
		}
	}
	return list
}

func without(s, letters string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune(letters, c) {
			return -1
		}
		return c
	}, s)
}

// row makes the access list of an object, null where no statement changed it.
func (d *dump) row(kind, owner string, changes []aclChange, base []aclItem, version int) aclRow {
	if len(changes) == 0 && base == nil {
		return aclRow{}
	}
	if base == nil {
		base = builtinACL(kind, owner, version)
	}
	return aclOf(itemStrings(apply(base, changes, kind, owner, version))...)
}

// merge adds what another file of the same server holds. What both hold, the
// first one states.
func (d *dump) merge(o *dump) {
	first := func(mine *string, theirs string) {
		if *mine == "" {
			*mine = theirs
		}
	}
	first(&d.version, o.version)
	first(&d.identifier, o.identifier)
	d.cluster, d.schemaDump = d.cluster || o.cluster, d.schemaDump || o.schemaDump
	d.unread += o.unread
	if len(d.roles) == 0 && len(o.roles) > 0 {
		d.roles, d.members, d.passwords, d.err = o.roles, o.members, o.passwords, o.err
	}
	for _, db := range o.dbs {
		if db.err == nil {
			db.err = o.err
		}
	}
	add(d.global, o.global)
	add(d.created, o.created)
	add(d.databaseACL, o.databaseACL)
	add(d.dbs, o.dbs)
	add(d.assumed, o.assumed)
	d.statedNames = append(d.statedNames, o.statedNames...)
	for _, name := range slices.Sorted(maps.Keys(o.dbs)) {
		if !o.assumed[name] && !slices.Contains(d.statedNames, name) {
			d.statedNames = append(d.statedNames, name)
		}
	}
}

func add[V any](to, from map[string]V) {
	for k, v := range from {
		if _, ok := to[k]; !ok {
			to[k] = v
		}
	}
}

// publicSchema adds the schema that initdb makes and no dump creates. Its owner
// and privileges changed with version 15 (release notes of 15, section E.19.2).
func (d *dump) publicSchema(db *dumpDatabase, version int) {
	o := db.object("schema", "", "public", "")
	if o.defined {
		return
	}
	o.defined = true
	if o.owner == "" {
		if o.owner = "pg_database_owner"; version > 0 && version < 15 {
			o.owner = d.superuser()
		}
	}
}

func publicSchemaACL(owner string, version int) []aclItem {
	public := "U"
	if version > 0 && version < 15 {
		public = "UC"
	}
	return []aclItem{{grantor: owner, privs: public}, {grantee: owner, grantor: owner, privs: "UC"}}
}

// superuser names the bootstrap superuser, as far as a dump shows it.
func (d *dump) superuser() string {
	if r := d.roles["postgres"]; r != nil && r.Super || len(d.roles) == 0 {
		return "postgres"
	}
	for _, name := range slices.Sorted(maps.Keys(d.roles)) {
		if d.roles[name].Super {
			return name
		}
	}
	return "postgres"
}

// roleNames lists the roles that a dump names in any way.
func (d *dump) roleNames() []string {
	if len(d.roles) > 0 {
		return slices.Collect(maps.Keys(d.roles))
	}
	var out []string
	for _, db := range d.dbs {
		for _, o := range db.objects {
			if o.owner != "" {
				out = append(out, o.owner)
			}
		}
	}
	return out
}
