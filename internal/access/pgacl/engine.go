package pgacl

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Engine answers for the PostgreSQL servers of an inventory. It may be asked
// from several goroutines.
//
// An action is a privilege as the server's has_*_privilege functions take it,
// in any case ("select", "connect", "execute", "select with grant option"), or
// for a role one of "member of", "use role" (it has its privileges), "set role"
// and "administer" (it may grant it). A resource is a kind and a name as in SQL,
// the database first where objects of several are known:
//
//	table app.public.invoices     column app.public.invoices.amount
//	function app.public.f(int)    schema app.public
//	database app                  role readers
//
// and so on for sequence, type, language, foreign_server, foreign_data_wrapper,
// tablespace, parameter and large_object. Without a resource the question is
// where the privilege is held at all.
//
// What can be used counts, not what is held: an object of a schema without USAGE
// there is out of reach, and row policies leave a condition. Who may connect
// from where, pg_hba.conf, is not part of it and named as unread.
//
// Identities are roles, by their names. An administrator is a superuser.
type Engine struct {
	servers []*server
	byRealm map[retinue.Realm]*server
}

// server is one server with its catalogs compiled.
type server struct {
	*realmFacts
	realm retinue.Realm
	index *Index
	gaps  []string
	// roles are the numbers of the roles that exist, by name.
	roles []int32
}

// Engine makes the engine of what was added. Gaps say what was not read of a
// realm. The Collector must not be used any more. Errors wrap
// retinue.ErrInvalid.
func (c *Collector) Engine(gaps map[retinue.Realm][]string) (*Engine, error) {
	e := &Engine{byRealm: map[retinue.Realm]*server{}}
	for _, realm := range c.order {
		f := c.realms[realm]
		x, err := New(f.state)
		if err != nil {
			return nil, fmt.Errorf("of %s: %w", realm, err)
		}
		s := &server{realmFacts: f, realm: realm, index: x, gaps: slices.Clone(gaps[realm])}
		if f.unread > 0 {
			s.gaps = append(s.gaps, fmt.Sprintf("%d documents could not be read", f.unread))
		}
		for n := range x.graph.names {
			if x.graph.known[n] {
				s.roles = append(s.roles, int32(n))
			}
		}
		slices.SortFunc(s.roles, func(a, b int32) int { return strings.Compare(x.graph.names[a], x.graph.names[b]) })
		e.servers = append(e.servers, s)
		e.byRealm[realm] = s
	}
	slices.SortFunc(e.servers, func(a, b *server) int { return cmp.Compare(a.realm, b.realm) })
	return e, nil
}

const refRole = "role"

// refOf names a role as the connector does.
func (s *server) refOf(role int32) retinue.Ref {
	return retinue.NewRef(s.realm, refRole, s.index.graph.names[role])
}

// find returns a role that exists.
func (s *server) find(r retinue.Ref) (int32, bool) {
	if r.Kind != refRole {
		return nobody, false
	}
	n := s.index.graph.find(r.Key)
	return n, n >= 0 && s.index.graph.known[n]
}

// Language is "postgres".
func (e *Engine) Language() string { return "postgres" }

// Realms are the servers, sorted.
func (e *Engine) Realms() []access.Known {
	out := make([]access.Known, 0, len(e.servers))
	for _, s := range e.servers {
		out = append(out, access.Known{Realm: s.realm, Gaps: slices.Clone(s.gaps)})
	}
	return out
}

// Asks reports whether a question has the form that Engine describes.
func (e *Engine) Asks(action, resource string) bool {
	_, ok := asking(action, resource)
	return ok
}

// Can answers a question about a role.
func (e *Engine) Can(identity retinue.Ref, action, resource string) access.Decision {
	s := e.byRealm[identity.Realm]
	if s == nil {
		return unknown(fmt.Errorf("no server of realm %s is known", clip(string(identity.Realm))))
	}
	role, ok := s.find(identity)
	if !ok {
		return unknown(fmt.Errorf("the server's inventory has no role %s", clip(identity.Key)))
	}
	q, ok := asking(action, resource)
	if !ok {
		return unknown(fmt.Errorf("want a privilege and an object such as table app.public.invoices, or member of and role readers"))
	}
	q.Role = s.index.graph.names[role]
	return s.can(q)
}

func (s *server) can(q Question) access.Decision {
	if q.Kind == "" {
		return s.somewhere(q)
	}
	d := narrowed(s.index.Decide(q))
	if d.Outcome == access.Allowed || d.Outcome == access.Conditional {
		d.Unread = []string{HostRules}
	}
	return d
}

// maxPlaces bounds the objects that an answer names.
const maxPlaces = 50

// somewhere answers where a privilege is held at all.
func (s *server) somewhere(q Question) access.Decision {
	g := s.index.graph
	if g.superuser(g.find(q.Role)) {
		return access.Decision{Outcome: access.Allowed, Unread: []string{HostRules}, Because: []access.Reason{{Layer: "superuser", Effect: "allow",
			Document: "role " + q.Role, Text: q.Role + " is a superuser: no check applies to it"}}}
	}
	var places []string
	d := access.Decision{Outcome: access.Conditional}
	add := func(name string, one access.Decision) {
		if one.Outcome == access.Allowed {
			places = append(places, name)
			d.Because = append(d.Because, one.Because[0])
		}
	}
	if kinds := kindsWith(q.Privilege); len(kinds) == 0 {
		q.Kind, q.Effective = KindRole, false
		for _, r := range s.roles {
			if q.Object = g.names[r]; q.Object != q.Role && len(places) < maxPlaces {
				add("role "+q.Object, s.index.Decide(q))
			}
		}
	} else {
		for i := range s.index.objects {
			if o := &s.index.objects[i]; slices.Contains(kinds, o.Kind) && len(places) < maxPlaces {
				add(o.place(), s.index.on(q, o))
			}
		}
	}
	if len(places) == 0 {
		return access.Decision{Outcome: access.ImplicitlyDenied, Because: []access.Reason{{Layer: "access list", Effect: "none",
			Text: "nothing that is known gives " + q.Role + " " + q.Privilege}}}
	}
	d.Remains = []access.Condition{{Key: "object", Operator: "is one of", Values: places, Text: "it is done to " + listed(places)}}
	d.Unread = []string{HostRules}
	return d
}

// on answers a question about an object of the state.
func (x *Index) on(q Question, o *compiled) access.Decision {
	a := asked{Question: q, object: o}
	a.Kind, a.Database, a.Object = o.Kind, o.Database, o.Name
	var err error
	if a.rules, err = x.rulesFor(&a); err != nil {
		return unknown(err)
	}
	return x.decide(&a)
}

// place names an object as questions of people do.
func (o *Object) place() string {
	var b strings.Builder
	b.WriteString(string(o.Kind) + " ")
	for _, part := range []string{o.Database, o.Schema} {
		if part != "" {
			quote(&b, part)
			b.WriteByte('.')
		}
	}
	quote(&b, o.Name)
	if o.Kind == Function {
		b.WriteString("(" + o.Args + ")")
	}
	return b.String()
}

// listed joins names, of many only some.
func listed(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// WhoCan lists the roles that may do something, and PUBLIC where every role may.
// A server that does not have the object stands in the list, as unknown and
// without a subject, where none has it.
func (e *Engine) WhoCan(realm retinue.Realm, action, resource string) []access.Holder {
	q, ok := asking(action, resource)
	if !ok {
		return nil
	}
	var sure, rest, without []access.Holder
	for _, s := range e.servers {
		if realm != "" && s.realm != realm {
			continue
		}
		if err := s.knows(q); err != nil {
			without = append(without, access.Holder{Name: string(s.realm), Decision: unknown(err)})
			continue
		}
		for _, h := range s.holders(q) {
			switch h.Decision.Outcome {
			case access.Allowed:
				sure = append(sure, h)
			case access.Conditional, access.Unknown:
				rest = append(rest, h)
			}
		}
	}
	if len(without) < len(e.servers) && realm == "" {
		without = nil
	}
	return append(append(sure, rest...), without...)
}

// knows reports why a question cannot be answered for any role.
func (s *server) knows(q Question) error {
	if q.Kind == "" {
		return nil
	}
	q.Role = "public"
	if q.Kind == KindRole {
		if of := s.index.graph.find(q.Object); of < 0 || !s.index.graph.known[of] {
			return fmt.Errorf("no role %s is known", clip(q.Object))
		}
		return nil
	}
	_, err := s.index.resolve(q)
	return err
}

// holders answers for PUBLIC and every role.
func (s *server) holders(q Question) []access.Holder {
	var out []access.Holder
	if q.Kind != "" && q.Kind != KindRole {
		q.Role = "public"
		out = append(out, access.Holder{Name: "PUBLIC (every role of " + string(s.realm) + ")", Decision: s.can(q)})
	}
	for _, r := range s.roles {
		q.Role = s.index.graph.names[r]
		out = append(out, access.Holder{Subject: s.refOf(r), Name: "role " + q.Role, Decision: s.can(q)})
	}
	return out
}
