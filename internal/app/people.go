package app

import (
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// people finds persons by what owners are called: id, e-mail address, handle
// or name. A name that two persons share names neither.
type people map[string]retinue.State

// ambiguous marks a name that several persons share.
const ambiguous retinue.State = "ambiguous"

func readPeople(tx *sqlstore.Tx) (people, error) {
	p := people{}
	for e, err := range tx.Entities(store.EntityQuery{Type: retinue.FactPerson, Gone: true}) {
		if err != nil {
			return nil, err
		}
		state := retinue.State(e.State)
		if !e.GoneAt.IsZero() {
			state = retinue.StateGone
		}
		p.add(e.Key, state)
		p.add(e.Name, state)
	}
	for f, err := range tx.FactsOfType(retinue.FactPerson, store.AsOf{}) {
		if err != nil {
			return nil, err
		}
		d, err := retinue.DecodeFact(f.Type, f.Body)
		if err != nil {
			return nil, err
		}
		if v, ok := d.(retinue.Person); ok && v.Email != "" {
			p[fold(v.Email)] = v.State
		}
	}
	return p, nil
}

func (p people) add(word string, state retinue.State) {
	word = fold(word)
	if word == "" {
		return
	}
	if have, ok := p[word]; ok && have != state {
		state = ambiguous
	}
	p[word] = state
}

// state returns the state of the person that a word names, "" where that is
// not known.
func (p people) state(word string) retinue.State {
	if s := p[fold(word)]; s != ambiguous {
		return s
	}
	return ""
}

func fold(word string) string {
	return strings.ToLower(strings.TrimSpace(strings.TrimPrefix(word, "@")))
}
