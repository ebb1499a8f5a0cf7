package postgres

import (
	"fmt"
	"maps"
	"slices"

	"github.com/retinue-id/retinue/connector"
)

// write states what the dump holds and completes the scopes that it lists
// whole.
func (d *dump) write(w *writer, opt options) error {
	if err := w.server(header{ServerVersion: d.version, Version: majorOf(d.version)}); err != nil {
		return err
	}
	if d.version != "" {
		if err := w.complete(w.scope("server"), "the first lines of the dump"); err != nil {
			return err
		}
	}
	if d.cluster || len(d.roles) > 0 {
		if err := d.writeGlobals(w, opt); err != nil {
			return err
		}
	}
	if err := d.writeCreated(w); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(d.dbs)) {
		if err := d.writeDatabase(w, d.dbs[name], opt); err != nil {
			return err
		}
	}
	return w.flushAll()
}

func (d *dump) writeGlobals(w *writer, opt options) error {
	for _, name := range slices.Sorted(maps.Keys(d.roles)) {
		if err := w.role(*d.roles[name]); err != nil {
			return err
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(d.members), memberKey.compare) {
		m := d.members[k]
		if err := w.member(m); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.passwords)) {
		p := d.passwords[name]
		p.ValidUntil = d.roles[name].ValidUntil
		if err := w.password(p); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(d.global)) {
		o := d.global[key]
		if o.kind == "parameter" {
			o.owner = d.superuser()
		}
		row := object{Kind: o.kind, Name: o.name, Owner: o.owner, ACL: d.row(o.kind, o.owner, o.changes, nil, w.version)}
		if err := w.object(w.scope(o.kind+"s"), "", row); err != nil {
			return err
		}
	}
	scopes := []string{"roles", "memberships", "tablespaces"}
	if majorOf(d.version) >= 15 || d.has("parameter") {
		scopes = append(scopes, "parameters")
	}
	if len(d.passwords) > 0 {
		scopes = append(scopes, "passwords")
	}
	for _, s := range scopes {
		if err := d.finish(w, opt, d.err, "every role-level statement of the dump", s); err != nil {
			return err
		}
	}
	return nil
}

func (d *dump) has(kind string) bool {
	for _, o := range d.global {
		if o.kind == kind {
			return true
		}
	}
	return false
}

// finish completes a scope, unless the dump was cut off or is said to be a
// part.
func (d *dump) finish(w *writer, opt options, broken error, basis string, elem ...string) error {
	scope := w.scope(elem...)
	switch {
	case broken != nil:
		return w.problem(scope, broken)
	case opt.partial:
		return w.problem(scope, errPartial)
	}
	return w.complete(scope, basis)
}

// writeCreated states databases of a dump made with --create. It lists those it
// dumps only, so they have a scope of their own.
func (d *dump) writeCreated(w *writer) error {
	for name := range d.databaseACL {
		if d.created[name] == nil {
			d.created[name] = &database{Name: name}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.created)) {
		row := *d.created[name]
		row.ACL = d.row("database", row.Owner, d.databaseACL[name], nil, w.version)
		scope := w.scope("dump", "databases", name)
		if err := w.database(scope, row); err != nil {
			return err
		}
		if err := w.complete(scope, "the statements of a dump made with --create"); err != nil {
			return err
		}
	}
	return nil
}

func (d *dump) writeDatabase(w *writer, db *dumpDatabase, opt options) error {
	d.publicSchema(db, w.version)
	ownerless := 0
	for _, key := range slices.Sorted(maps.Keys(db.objects)) {
		o := db.objects[key]
		if o.ownedBy != "" && o.owner == "" && db.objects[o.ownedBy] != nil {
			o.owner = db.objects[o.ownedBy].owner
		}
		if !o.defined {
			if err := d.writeChanges(w, db.name, o); err != nil {
				return err
			}
			continue
		}
		if o.owner == "" {
			ownerless++
		}
		if err := d.writeObject(w, db.name, o); err != nil {
			return err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(db.defaults)) {
		if err := d.writeDefault(w, db.name, db.defaults[key]); err != nil {
			return err
		}
	}
	for _, m := range db.mappings {
		if err := w.mapping(db.name, m); err != nil {
			return err
		}
	}
	if err := d.finish(w, opt, db.err, "every statement of the dump about objects that it does not create", "dump", "changes", db.name); err != nil {
		return err
	}
	if ownerless > 0 {
		return w.problem(w.scope("databases", db.name), fmt.Errorf("%w: %d objects have no owner", errNoOwners, ownerless))
	}
	basis := "every statement of a dump that ends with its last line"
	if err := d.finish(w, opt, db.err, basis, "databases", db.name, "stored-credentials"); err != nil {
		return err
	}
	return d.finish(w, opt, db.err, basis, "databases", db.name)
}

func (d *dump) writeObject(w *writer, db string, o *dumpObject) error {
	var base []aclItem
	if o.kind == "schema" && o.name == "public" {
		base = publicSchemaACL(o.owner, w.version)
	}
	acl := d.row(o.kind, o.owner, o.changes, base, w.version)
	switch group(o.kind) {
	case "schema":
		return w.schema(db, namespace{Name: o.name, Owner: o.owner, ACL: acl})
	case "relation":
		r := relation{Schema: o.schema, Name: o.name, Kind: o.relkind, Owner: o.owner, ACL: acl, RowSec: o.rowSec,
			ForceSec: o.forceSec, AsInvoker: o.invoker, Policies: o.policies}
		for _, name := range slices.Sorted(maps.Keys(o.columns)) {
			r.Columns = append(r.Columns, column{Name: name, ACL: d.columnACL(o, name, w.version)})
		}
		return w.relation(db, r)
	case "routine":
		return w.routine(db, routine{Schema: o.schema, Name: o.name, Args: o.args, Kind: o.prokind, Definer: o.definer,
			Owner: o.owner, ACL: acl, Settings: o.settings})
	}
	return w.object(w.objectScope(db, false), db, object{Kind: o.kind, Schema: o.schema, Name: o.name, Owner: o.owner,
		ACL: acl, Trusted: o.trusted})
}

func (d *dump) columnACL(o *dumpObject, name string, version int) aclRow {
	return aclOf(itemStrings(apply(nil, o.columns[name], "column", o.owner, version))...)
}

// writeChanges states what the dump grants on an object that it does not
// create: one of the system or of an extension. Its other privileges are those
// that its maker gave it, which the dump does not say.
func (d *dump) writeChanges(w *writer, db string, o *dumpObject) error {
	kind := o.kind
	if kind == "routine" {
		kind = "function"
	}
	doc := objectDoc{Kind: kind, Database: db, Schema: o.schema, Name: o.name, Args: o.args, Changes: true,
		ACL: itemStrings(apply(nil, o.changes, kind, d.superuser(), w.version))}
	for _, name := range slices.Sorted(maps.Keys(o.columns)) {
		doc.Columns = append(doc.Columns, columnDoc{name, d.columnACL(o, name, w.version).Items})
	}
	key := qualify(db, o.schema, o.name)
	if group(o.kind) == "routine" {
		key += "(" + o.args + ")"
	}
	return w.objectFacts(w.scope("dump", "changes", db), key, doc, w.databaseRef(db), nil)
}

func (d *dump) writeDefault(w *writer, db string, def *dumpDefault) error {
	kind := defaultACLKind(def.Type)
	var base []aclItem
	if def.Schema == "" { // replaces the built-in default; within a schema it adds
		base = builtinACL(kind, def.Role, w.version)
	}
	row := def.defaultACL
	row.ACL = aclOf(itemStrings(apply(base, def.changes, kind, def.Role, w.version))...)
	return w.defaultACL(db, row)
}

// dumpNotes says what the dump does not hold.
func (d *dump) notes(sink connector.Sink) {
	for _, text := range d.notCovered() {
		sink.Note(connector.Note{Kind: connector.NoteNotCovered, Text: text})
	}
	if d.unread > 0 {
		sink.Note(connector.Note{Kind: connector.NoteBlindSpot, Text: fmt.Sprintf("%d statements about privileges were not understood, such as those on large objects", d.unread)})
	}
}

// notCovered lists it.
func (d *dump) notCovered() []string {
	out := []string{"a dump holds no connections and no rules of pg_hba.conf",
		"a dump leaves out predefined roles (pg_…) and memberships among them, and objects of extensions"}
	if len(d.roles) == 0 {
		out = append(out, "pg_dump holds no roles, memberships or passwords: give the file of pg_dumpall --globals-only as well")
	} else if len(d.passwords) == 0 {
		out = append(out, "the dump holds no password: no role has one, or it was made with --no-role-passwords")
	}
	if len(d.dbs) == 0 {
		out = append(out, "pg_dumpall --globals-only holds no databases, schemas, tables, functions, their privileges, default "+
			"privileges or row security: give the files of pg_dump --schema-only --create as well")
	} else if len(d.created) == 0 {
		out = append(out, "pg_dump without --create holds no owner and privileges of the database itself")
	}
	return out
}
