package graph

import "github.com/retinue-id/retinue/internal/access"

// grantTable holds grants in few bytes: ten million attachments of the same
// documents say the same reasons.
type grantTable struct {
	byPlace map[grantPlace]GrantID
	places  pool[[3]string, struct{}]
	reasons pool[access.Reason, access.Reason]
	grants  []grant
}

// grantPlace tells grants apart.
type grantPlace struct{ subject, place int32 }

type grant struct {
	subject int32 // the number of a Ref
	reason  int32
	fixed   bool
	used    int8 // 0 where not known, else 1 for yes and -1 for no
}

func (t *grantTable) add(subject int32, g Grant) GrantID {
	place, _ := t.places.number([3]string{g.Reason.Layer, g.Reason.Document, g.Reason.Statement})
	key := grantPlace{subject, place}
	id, ok := t.byPlace[key]
	if !ok {
		if t.byPlace == nil {
			t.byPlace = make(map[grantPlace]GrantID)
		}
		reason, isNew := t.reasons.number(g.Reason)
		if isNew {
			t.reasons.values = append(t.reasons.values, g.Reason)
		}
		id = GrantID(len(t.grants))
		t.byPlace[key] = id
		t.grants = append(t.grants, grant{subject: subject, reason: reason})
	}
	have := &t.grants[id]
	have.fixed = have.fixed || g.Fixed
	if g.Used != nil && have.used != 1 { // one use is a use
		have.used = -1
		if *g.Used {
			have.used = 1
		}
	}
	return id
}

// forget drops what only adding needs.
func (t *grantTable) forget() { t.byPlace, t.places.byKey, t.reasons.byKey = nil, nil, nil }

// Grants is the number of grants, whose ids go from 0.
func (g *Graph) Grants() int { return len(g.grants.grants) }

// Grant returns a grant.
func (g *Graph) Grant(id GrantID) Grant {
	have := g.grants.grants[id]
	out := Grant{Subject: g.refs.refs[have.subject], Reason: g.grants.reasons.at(have.reason), Fixed: have.fixed}
	if have.used != 0 {
		used := have.used > 0
		out.Used = &used
	}
	return out
}
