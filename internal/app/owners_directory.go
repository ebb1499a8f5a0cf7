package app

import (
	"cmp"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/steward"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// teamMark stands before a team's key where it is an owner, so that a team and
// a person of one name are two.
const teamMark = "@"

// directoryOf reads who can answer for identities: the persons and teams that
// sources state.
func directoryOf(tx *sqlstore.Tx) (*steward.Directory, error) {
	people, teams, err := tx.People()
	if err != nil {
		return nil, err
	}
	d := &steward.Directory{}
	memberOf := map[retinue.Ref][]string{}
	for _, t := range teams {
		name := teamMark + t.Ref.Key
		for _, m := range t.Members {
			memberOf[m] = append(memberOf[m], name)
		}
		local, _, _ := strings.Cut(t.Email, "@")
		d.Add(steward.Party{Name: name, Kind: retinue.FactTeam, Title: t.Name, Manager: attr(t.Attrs, "manager")}, t.Ref.Key, t.Email, local)
	}
	byName := map[string][]store.StatedPerson{}
	var order []string
	for _, p := range people {
		name := personName(p.Person)
		if _, ok := byName[name]; !ok {
			order = append(order, name)
		}
		byName[name] = append(byName[name], p)
	}
	for _, name := range order {
		party, words := personParty(name, byName[name], memberOf)
		d.Add(party, words...)
	}
	return d, nil
}

// personName is the name under which a person is registered as owner.
func personName(p retinue.Person) string {
	return strings.ToLower(cmp.Or(p.Email, p.Ref.Key))
}

// personParty joins what several sources state of one person.
func personParty(name string, stated []store.StatedPerson, memberOf map[retinue.Ref][]string) (steward.Party, []string) {
	party := steward.Party{Name: name, Kind: retinue.FactPerson, Left: hasLeft(stated)}
	party.State = personState(stated, party.Left)
	local, _, _ := strings.Cut(name, "@")
	words := []string{local}
	for _, s := range stated {
		p := s.Person
		party.Title = cmp.Or(party.Title, p.Name)
		party.Manager = cmp.Or(party.Manager, attr(p.Attrs, "manager"))
		party.Teams = append(party.Teams, memberOf[p.Ref]...)
		for _, t := range p.Teams {
			party.Teams = append(party.Teams, teamMark+t.Key)
		}
		words = append(words, p.Ref.Key)
	}
	return party, words
}

// peopleRealm is the kind of the realms that personnel lists are.
const peopleRealm = "people"

// hasLeft decides whether a person is still there. A personnel list knows best;
// without one, a person is there as long as any system knows them as active.
func hasLeft(stated []store.StatedPerson) bool {
	left := func(s store.StatedPerson) bool {
		switch s.Person.State {
		case retinue.StateDisabled, retinue.StateExpired, retinue.StateRetired, retinue.StateGone:
			return true
		}
		return s.Gone
	}
	listed, there := false, false
	for _, s := range stated {
		if s.Person.Ref.Realm.Kind() == peopleRealm {
			if !left(s) {
				return false
			}
			listed = true
		}
		there = there || !left(s)
	}
	return listed || !there
}

// personState is the state of a person in words: the one that made them count as
// left, or as there.
func personState(stated []store.StatedPerson, left bool) retinue.State {
	for _, s := range stated {
		if s.Gone && left {
			return retinue.StateGone
		}
		if (s.Person.State != retinue.StateActive && s.Person.State != "") == left && !s.Gone {
			return s.Person.State
		}
	}
	return retinue.StateActive
}

func attr(a retinue.Attrs, name string) string {
	v, _ := a[name].(string)
	return v
}
