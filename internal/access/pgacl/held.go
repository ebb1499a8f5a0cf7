package pgacl

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Held lists what a role can do, worst first: what its attributes and
// memberships give, and its privileges on objects, those of one schema
// together.
func (e *Engine) Held(identity retinue.Ref) []access.Held {
	s := e.byRealm[identity.Realm]
	if s == nil {
		return nil
	}
	role, ok := s.find(identity)
	if !ok {
		return nil
	}
	out := s.byAttributes(role)
	out = append(out, s.byMembership(role)...)
	if !s.index.graph.superuser(role) { // no list of objects says more than that it is one
		out = append(out, s.onObjects(role)...)
	}
	rank := map[access.Consequence]int{}
	for i, c := range access.Consequences() {
		rank[c] = i
	}
	slices.SortStableFunc(out, func(a, b access.Held) int {
		return cmp.Or(cmp.Compare(rank[a.Consequence], rank[b.Consequence]), cmp.Compare(a.Within, b.Within), cmp.Compare(a.Sentence, b.Sentence))
	})
	return out
}

// byAttributes lists what the attributes of a role give; they are not
// inherited.
func (s *server) byAttributes(role int32) []access.Held {
	r := &s.index.graph.roles[role]
	name := s.index.graph.names[role]
	var out []access.Held
	for _, a := range []struct {
		set         bool
		consequence access.Consequence
		attribute   string
		sentence    string
	}{
		{r.Superuser, access.Administers, "SUPERUSER", "does everything on the server and, through it, as the account that it runs as: no check applies to it"},
		{r.CreateRole && !s.newer(), access.Escalates, "CREATEROLE", "grants itself every role that is no superuser"},
		{r.CreateRole && s.newer(), access.Changes, "CREATEROLE", "makes roles, and changes those that it administers"},
		{r.Replication, access.ReadsData, "REPLICATION", "copies the whole server by replication"},
		{r.BypassRLS, access.ReadsData, "BYPASSRLS", "sees the rows that row policies hide from others"},
		{r.CreateDB, access.Changes, "CREATEDB", "makes databases"},
	} {
		if a.set {
			out = append(out, access.Held{Consequence: a.consequence, Sentence: a.sentence, Actions: []string{a.attribute}, Outcome: access.Allowed,
				Because: []access.Reason{{Layer: "role attribute", Document: "role " + name, Statement: a.attribute, Effect: "allow", Text: name + " has " + a.attribute}}})
		}
	}
	return out
}

// newer reports whether the rules of version 16 hold, as far as it is known.
func (s *server) newer() bool {
	return s.index.version >= 16 || s.index.version == 0 && slices.ContainsFunc(s.state.Memberships, func(m Membership) bool { return m.Set != nil })
}

// predefinedMeaning says what membership of a predefined role gives beyond
// privileges on objects: PostgreSQL manual, chapter "Predefined Roles".
func predefinedMeaning() map[string]struct {
	consequence access.Consequence
	sentence    string
} {
	type meaning = struct {
		consequence access.Consequence
		sentence    string
	}
	return map[string]meaning{
		"pg_execute_server_program":   {access.Escalates, "runs programs as the account that the server runs as"},
		"pg_write_server_files":       {access.Escalates, "writes files as the account that the server runs as"},
		"pg_read_server_files":        {access.ReadsSecrets, "reads files as the account that the server runs as, those of its databases among them"},
		"pg_read_all_data":            {access.ReadsData, "reads every table, view and sequence of every database that it may connect to"},
		"pg_write_all_data":           {access.Destroys, "inserts, changes and deletes in every table of every database that it may connect to"},
		"pg_monitor":                  {access.Looks, "reads settings and statistics of the server"},
		"pg_read_all_settings":        {access.Looks, "reads every setting of the server"},
		"pg_read_all_stats":           {access.Looks, "reads every statistic of the server"},
		"pg_signal_backend":           {access.Changes, "cancels queries and ends sessions of others"},
		"pg_signal_autovacuum_worker": {access.Changes, "cancels automatic vacuuming"},
		"pg_maintain":                 {access.Changes, "vacuums, analyzes, reindexes and locks every table"},
		"pg_create_subscription":      {access.Changes, "makes subscriptions, which connect to other servers"},
		"pg_checkpoint":               {access.Changes, "makes checkpoints"},
	}
}

// byMembership lists what the roles give that a role is a member of.
func (s *server) byMembership(role int32) []access.Held {
	g, r := s.index.graph, rules{newer: s.newer(), owner: nobody}
	if g.superuser(role) {
		return nil
	}
	var out []access.Held
	meaning := predefinedMeaning()
	for _, of := range s.roles {
		if of == role {
			continue
		}
		as := privileges
		switch {
		case g.reaches(role, of, privileges, r):
		case g.reaches(role, of, sets, r):
			as = sets
		default:
			continue
		}
		name := g.names[of]
		h := access.Held{Consequence: access.Changes, Sentence: "has what role " + name + " has", Actions: []string{"use role"}, Resources: []string{"role " + name},
			Outcome: access.Allowed, Because: []access.Reason{{Layer: "membership", Document: "role " + name, Effect: "allow",
				Text: strings.Join(g.path(role, of, as, r), " as member of ")}}}
		m, known := meaning[name]
		switch {
		case known:
			h.Consequence, h.Sentence = m.consequence, m.sentence
		case g.reaches(role, of, sets, r) && g.superuser(of):
			h.Consequence, h.Sentence, h.Actions = access.Administers, "becomes the superuser "+name, []string{"set role"}
		case as == sets:
			h.Sentence, h.Actions = "becomes role "+name+" when it asks for it", []string{"set role"}
		default:
			h.Consequence = access.Looks // what that gives is listed by object
		}
		out = append(out, h)
	}
	return append(out, s.byAdmin(role, r)...)
}

// byAdmin lists the roles that a role may grant to itself.
func (s *server) byAdmin(role int32, r rules) []access.Held {
	g := s.index.graph
	var out []access.Held
	for _, of := range s.roles {
		by, ok := g.isAdmin(role, of, r)
		if !ok || g.superuser(of) { // superusers are granted by superusers only
			continue
		}
		out = append(out, access.Held{Consequence: access.Escalates, Sentence: "grants role " + g.names[of] + " to itself and others", Actions: []string{"administer"},
			Resources: []string{"role " + g.names[of]}, Outcome: access.Allowed,
			Because: []access.Reason{{Layer: "membership", Document: "role " + g.names[of], Statement: "ADMIN OPTION", Effect: "allow",
				Text: g.names[by] + " was granted " + g.names[of] + " with the admin option"}}})
	}
	return out
}

// heap is what a role holds on the objects of one kind in one schema.
type heap struct {
	kind             Kind
	database, schema string
	privs            privs
}

// onObjects lists privileges on objects.
func (s *server) onObjects(role int32) []access.Held {
	all := map[[3]string]int{}
	found := map[heap][]*compiled{}
	has := map[string]map[int32]bool{}
	for i := range s.index.objects {
		o := &s.index.objects[i]
		all[[3]string{string(o.Kind), o.Database, o.Schema}]++
		if has[o.Database] == nil {
			has[o.Database] = s.index.rolesOf(role, o.Database)
		}
		if p := s.index.holds(role, o, has[o.Database]); p != 0 {
			h := heap{o.Kind, o.Database, o.Schema, p}
			found[h] = append(found[h], o)
		}
	}
	var out []access.Held
	for h, objects := range found {
		every := len(objects) == all[[3]string{string(h.kind), h.database, h.schema}]
		out = append(out, s.heldOf(role, h, objects, every)...)
	}
	return out
}

// rolesOf are the roles whose privileges a role has in a database.
func (x *Index) rolesOf(role int32, database string) map[int32]bool {
	r := rules{newer: x.version >= 16, owner: nobody}
	if o, ok := x.graph.owners[database]; ok {
		r.owner = o
	}
	out := map[int32]bool{public: true}
	for _, n := range x.graph.closure(role, privileges, r) {
		out[n] = true
	}
	return out
}

// holds is what a role may do with an object: what access lists and ownership
// give, less what the schema around it keeps out of reach.
func (x *Index) holds(role int32, o *compiled, has map[int32]bool) privs {
	var p privs
	for i := range o.items {
		if has[o.items[i].grantee] {
			p |= o.items[i].privs
		}
	}
	for _, items := range o.columns {
		for i := range items {
			if has[items[i].grantee] {
				p |= items[i].privs &^ allOptions
			}
		}
	}
	if o.owner >= 0 && has[o.owner] {
		p |= allOptions & (everything(o.Kind, x.version) << optionShift)
	}
	if p == 0 || o.Schema == "" {
		return p
	}
	found := x.byName[objectKey{kind: Schema, database: o.Database, name: o.Schema}]
	if len(found) == 0 {
		return p
	}
	for i := range x.objects[found[0]].items {
		if it := &x.objects[found[0]].items[i]; has[it.grantee] && it.privs&privUsage != 0 {
			return p
		}
	}
	if has[x.graph.find("pg_read_all_data")] || has[x.graph.find("pg_write_all_data")] {
		return p
	}
	return 0
}

// heldOf takes privileges apart by what follows.
func (s *server) heldOf(role int32, h heap, objects []*compiled, every bool) []access.Held {
	slices.SortFunc(objects, func(a, b *compiled) int { return cmp.Compare(a.Name+a.Args, b.Name+b.Args) })
	var out []access.Held
	for _, c := range []struct {
		consequence access.Consequence
		privs       privs
		does        string
	}{
		{access.Destroys, privDelete | privTruncate, "deletes from"},
		{access.ReadsData, privSelect, "reads"},
		{access.Changes, privInsert | privUpdate | privCreate | privTrigger | privMaintain | privAlterSystem | privSet, "changes"},
		{access.Looks, privUsage | privExecute | privConnect | privTemp | privReferences, "uses"},
		{access.ExposesResources, allOptions, "grants to others"},
	} {
		p := h.privs & c.privs
		if p == 0 {
			continue
		}
		one := access.Held{Consequence: c.consequence, Outcome: access.Allowed, Within: within(h), Because: s.because(role, objects[0], p)}
		for _, o := range objects[:min(len(objects), maxListed)] {
			one.Resources = append(one.Resources, o.place())
		}
		one.Actions = strings.Split((p | p>>optionShift).String(), ", ")
		if c.privs == allOptions {
			one.Actions = []string{p.String()}
		}
		one.Sentence = c.does + " " + things(h, objects, every)
		if c.does == "uses" {
			one.Sentence = "has " + p.String() + " on " + things(h, objects, every)
		}
		out = append(out, one)
	}
	return out
}

// maxListed bounds the objects that one line of Held names.
const maxListed = 1000

func within(h heap) string {
	switch {
	case h.schema != "":
		return "schema " + h.database + "." + h.schema
	case h.database != "":
		return "database " + h.database
	}
	return ""
}

// things names objects: all of a schema, or some.
func things(h heap, objects []*compiled, every bool) string {
	kind := strings.ReplaceAll(string(h.kind), "_", " ")
	in := ""
	if w := within(h); w != "" {
		in = " of " + w
	}
	if every && len(objects) > 1 {
		return fmt.Sprintf("every %s%s (%d)", kind, in, len(objects))
	}
	names := make([]string, 0, len(objects))
	for _, o := range objects {
		names = append(names, o.Name)
	}
	if len(names) > 1 {
		kind += "s"
	}
	return kind + " " + listed(names) + in
}

// because asks the engine for the reasons, of one object for all of a line.
func (s *server) because(role int32, o *compiled, p privs) []access.Reason {
	for bit := privs(1); bit != 0; bit <<= 1 {
		if p&bit == 0 {
			continue
		}
		d := s.index.on(Question{Role: s.index.graph.names[role], Privilege: bit.String()}, o)
		if d.Outcome == access.Allowed {
			return d.Because
		}
	}
	return []access.Reason{{Layer: "access list", Document: o.Title(), Effect: "allow", Text: "columns of it are granted"}}
}
