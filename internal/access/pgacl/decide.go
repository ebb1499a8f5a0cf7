package pgacl

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// verdict says why a privilege is held.
type verdict struct {
	how  how
	item *grantItem
	role int32 // through which role
	// as is how memberships lead there.
	as way
}

type how uint8

const (
	notHeld how = iota
	superuser
	owner      // the owner's implicit grant options
	byItem     // an entry of an access list
	predefined // membership of a predefined role
	member     // membership, for questions about roles
)

// Can answers a question, or says what it does not know. It is Decide without
// the reasons.
func (x *Index) Can(q Question) (bool, error) {
	a, err := x.resolve(q)
	if err != nil {
		return false, err
	}
	v, err := x.ask(&a)
	return v.how != notHeld, err
}

// Decide answers a question with what it rests on. A no is implicit: nothing
// in an access list denies. What the state does not hold is Unknown.
func (x *Index) Decide(q Question) access.Decision {
	a, err := x.resolve(q)
	if err != nil {
		return unknown(err)
	}
	return x.decide(&a)
}

func (x *Index) decide(a *asked) access.Decision {
	v, err := x.ask(a)
	if err != nil {
		return unknown(err)
	}
	if v.how == notHeld {
		return access.Decision{Outcome: access.ImplicitlyDenied, Because: []access.Reason{x.denial(a)}}
	}
	d := access.Decision{Outcome: access.Allowed, Because: []access.Reason{x.reason(a, v)}}
	if a.Effective {
		d.Because = append(d.Because, x.rowReasons(a)...)
	}
	return d
}

func unknown(err error) access.Decision {
	return access.Decision{Outcome: access.Unknown, Because: []access.Reason{{Layer: "question", Effect: "none", Text: err.Error()}}}
}

// ask answers under the server's version. Where that is not known it answers
// under both sets of rules, and says so if they disagree.
func (x *Index) ask(a *asked) (verdict, error) {
	if x.version > 0 {
		return x.answer(a)
	}
	a.rules.newer = false
	before, err := x.answer(a)
	if err != nil {
		return before, err
	}
	a.rules.newer = true
	after, err := x.answer(a)
	if err == nil && (before.how == notHeld) != (after.how == notHeld) {
		return verdict{}, fmt.Errorf("the server's version is not known, and versions before 16 answer differently from later ones")
	}
	return after, err
}

func (x *Index) answer(a *asked) (verdict, error) {
	switch a.Kind {
	case KindRole:
		return x.aboutRole(a)
	case KindRowSecurity:
		return x.aboutRows(a), nil
	}
	var err error
	if a.want, err = parsePrivileges(a.Kind, a.Privilege, x.version); err != nil {
		return verdict{}, err
	}
	v := x.onObject(a)
	switch {
	case v.how == notHeld && a.object.unread != "":
		return v, fmt.Errorf("%s", a.object.unread)
	case v.how == notHeld || !a.Effective || a.object.Schema == "":
		return v, nil
	}
	return x.through(a, v)
}

// through takes a privilege back where the schema around the object cannot be
// used.
func (x *Index) through(a *asked, v verdict) (verdict, error) {
	found := x.byName[objectKey{kind: Schema, database: a.object.Database, name: a.object.Schema}]
	if len(found) == 0 {
		return verdict{}, fmt.Errorf("the schema %s is not known", clip(a.object.Schema))
	}
	in := *a
	in.Kind, in.object, in.want, in.column = Schema, &x.objects[found[0]], privUsage, ""
	s := x.onObject(&in)
	if s.how == notHeld && in.object.unread != "" {
		return s, fmt.Errorf("of schema %s: %s", clip(a.object.Schema), in.object.unread)
	}
	if s.how == notHeld {
		return s, nil
	}
	return v, nil
}

// onObject answers a question about an object as has_table_privilege and its
// like do. Columns are asked first, then the whole table.
func (x *Index) onObject(a *asked) verdict {
	o := a.object
	if x.graph.superuser(a.role) {
		if a.want == 0 {
			return verdict{}
		}
		return verdict{how: superuser, role: a.role}
	}
	switch a.Kind {
	case KindColumn:
		if v := x.byList(a, o.columns[a.column], a.want); v.how != notHeld && len(o.columns[a.column]) > 0 {
			return v
		}
	case KindAnyColumn:
		for _, items := range o.columns {
			if v := x.byList(a, items, a.want); v.how != notHeld && len(items) > 0 {
				return v
			}
		}
	}
	want := a.want
	if o.Schema == "pg_catalog" && !o.View && (o.Kind == Table || o.Kind == Sequence) {
		// Catalogs are changed by superusers only, whatever is granted.
		want &^= privInsert | privUpdate | privDelete | privTruncate | privUsage
	}
	if v := x.byList(a, o.items, want); v.how != notHeld {
		return v
	}
	return x.byPredefined(a, want)
}

// byList looks at an access list as the server's aclmask does: the owner has
// every grant option whatever the list says, and everything else only as the
// list says.
func (x *Index) byList(a *asked, items []grantItem, want privs) verdict {
	g, o := x.graph, a.object
	if want&allOptions != 0 && g.hasPrivs(a.role, o.owner, a.rules) {
		return verdict{how: owner, role: o.owner, as: privileges}
	}
	for i := range items {
		if it := &items[i]; it.privs&want != 0 && (it.grantee == public || it.grantee == a.role) {
			return verdict{how: byItem, item: it, role: it.grantee}
		}
	}
	for i := range items {
		it := &items[i]
		if it.privs&want != 0 && it.grantee >= 0 && g.hasPrivs(a.role, it.grantee, a.rules) {
			return verdict{how: byItem, item: it, role: it.grantee, as: privileges}
		}
	}
	return verdict{}
}

// byPredefined looks at the roles that have privileges on everything:
// PostgreSQL manual, chapter "Predefined Roles".
func (x *Index) byPredefined(a *asked, want privs) verdict {
	type right struct {
		privs privs
		role  string
	}
	var rights []right
	switch a.object.Kind {
	case Table, Sequence:
		rights = []right{{privSelect, "pg_read_all_data"}, {privInsert | privUpdate | privDelete, "pg_write_all_data"}, {privMaintain, "pg_maintain"}}
	case Schema:
		rights = []right{{privUsage, "pg_read_all_data"}, {privUsage, "pg_write_all_data"}}
	}
	for _, r := range rights {
		if role := x.graph.find(r.role); want&r.privs != 0 && x.graph.hasPrivs(a.role, role, a.rules) {
			return verdict{how: predefined, role: role, as: privileges}
		}
	}
	return verdict{}
}

func (x *Index) aboutRole(a *asked) (verdict, error) {
	g := x.graph
	ask, err := parseRolePrivileges(a.Privilege, x.version)
	if err != nil {
		return verdict{}, err
	}
	of := g.find(a.Object)
	if of < 0 || !g.known[of] {
		return verdict{}, fmt.Errorf("no role %s is known", clip(a.Object))
	}
	if ask.admin {
		if by, ok := g.isAdmin(a.role, of, a.rules); ok {
			return verdict{how: member, role: by, as: members}, nil
		}
		if a.role == of && x.version > 0 && x.version < 15 {
			return verdict{}, fmt.Errorf("before version 15 a role administers itself in its own session only, which the question does not tell")
		}
	}
	for _, t := range []struct {
		asked bool
		holds func(member, role int32, r rules) bool
		as    way
	}{{ask.member, g.isMember, members}, {ask.usage, g.hasPrivs, privileges}, {ask.set, g.canSet, sets}} {
		if t.asked && t.holds(a.role, of, a.rules) {
			return verdict{how: member, role: of, as: t.as}, nil
		}
	}
	return verdict{}, nil
}

// aboutRows answers whether row policies are passed over, as the server's
// check_enable_rls: PostgreSQL manual, chapter "Row Security Policies".
func (x *Index) aboutRows(a *asked) verdict {
	o := a.object
	switch {
	case !o.RowSecurity:
		return verdict{how: owner, role: nobody}
	case x.graph.superuser(a.role):
		return verdict{how: superuser, role: a.role}
	case a.role >= 0 && x.graph.roles[a.role].BypassRLS:
		return verdict{how: predefined, role: a.role}
	case !o.ForceRowSecurity && x.graph.hasPrivs(a.role, o.owner, a.rules):
		return verdict{how: owner, role: o.owner, as: privileges}
	}
	return verdict{}
}

// Title names an object as SQL does, behind its kind.
func (o *Object) Title() string {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(string(o.Kind), "_", " ") + " ")
	if o.Schema != "" {
		quote(&b, o.Schema)
		b.WriteByte('.')
	}
	quote(&b, o.Name)
	if o.Kind == Function {
		b.WriteString("(" + o.Args + ")")
	}
	return b.String()
}
