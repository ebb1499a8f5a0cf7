package app

import (
	"cmp"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Names of the inventory are asked for anew after a while, and when they are
// many.
const (
	tailedNamesFor = time.Minute
	maxTailedNames = 10_000
)

// tailedName is what the inventory calls something.
type tailedName struct {
	id     retinue.EntityID
	name   string
	person bool
}

// name is what the inventory calls a thing, else what the log does.
func (t *tail) name(tx *sqlstore.Tx, r retinue.Ref) (tailedName, error) {
	if r.IsZero() {
		return tailedName{}, nil
	}
	if n, ok := t.names[r]; ok {
		return n, nil
	}
	n := tailedName{name: r.Key}
	for _, typ := range []retinue.FactType{retinue.FactIdentity, retinue.FactCredential, retinue.FactPerson} {
		for e, err := range tx.Entities(store.EntityQuery{Type: typ, Realm: r.Realm, Key: r.Key, Gone: true, Limit: 5}) {
			if err != nil {
				return n, err
			}
			if e.Ref() == r {
				n = tailedName{id: e.ID, name: cmp.Or(e.Name, r.Key), person: typ == retinue.FactPerson || e.Class == retinue.ClassPerson}
			}
		}
		if n.id != "" {
			break
		}
	}
	t.names[r] = n
	return n, nil
}

// told is an event as it is shown, and whether it is.
func (t *tail) told(tx *sqlstore.Tx, source string, e *retinue.Event) (Tailed, bool, error) {
	var who, with, behalf, via, on tailedName
	wanted := t.opt.Identity == ""
	for _, x := range []struct {
		ref retinue.Ref
		to  *tailedName
	}{{e.Identity, &who}, {e.Credential, &with}, {e.OnBehalfOf, &behalf}, {nearest(e.Via), &via}, {e.Resource, &on}} {
		n, err := t.name(tx, x.ref)
		if err != nil {
			return Tailed{}, false, err
		}
		*x.to = n
		wanted = wanted || n.id == t.opt.Identity && x.to != &on
	}
	if !wanted {
		return Tailed{}, false, nil
	}
	v := Tailed{At: e.At, Source: source, Log: e.Log, Realm: e.Realm, Class: e.Class, IdentityID: who.id, Person: e.Person || who.person, Credential: with.name,
		Action: cmp.Or(e.Action, e.Operation), Resource: on.name, Outcome: cmp.Or(e.Outcome, retinue.OutcomeUnknown), Reason: e.Reason, Region: e.Region,
		From: cmp.Or(e.Origin.Workload.Key, e.Origin.Service, e.Origin.Host, e.Origin.Application), Agent: e.Origin.Agent}
	if e.Origin.Address.IsValid() {
		v.Address = e.Origin.Address.String()
	}
	v.Identity = t.called(who, e.Identity, v.Person)
	v.OnBehalfOf = t.called(behalf, e.OnBehalfOf, true) // for whom somebody acts is a person, as far as logs tell
	if on.person {
		v.Resource = t.called(on, e.Resource, true)
	}
	if v.Person && t.opt.People == "" {
		// Of a person, also the key and the place say who it is.
		v.IdentityID, v.Credential, v.Address, v.Agent, v.From = "", "", "", "", ""
	}
	return v, true, nil
}

// called is the name of somebody, or a person's pseudonym.
func (t *tail) called(n tailedName, r retinue.Ref, person bool) string {
	if r.IsZero() || !person && !n.person || t.opt.People != "" {
		return n.name
	}
	return t.app.pseudonym(r.String())
}

func nearest(list []retinue.Ref) retinue.Ref {
	if len(list) == 0 {
		return retinue.Ref{}
	}
	return list[0]
}
