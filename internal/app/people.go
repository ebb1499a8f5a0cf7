package app

import (
	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/steward"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// people says how those stand who are named as owners: by id, e-mail address,
// handle or name. A name that two persons share names neither.
type people struct{ dir *steward.Directory }

func readPeople(tx *sqlstore.Tx) (people, error) {
	d, err := directoryOf(tx)
	return people{d}, err
}

// state returns the state of the person that a word names, "" where that is
// not known or where it names a team.
func (p people) state(word string) retinue.State {
	party, ok := p.dir.Find(word)
	if !ok || party.Kind != retinue.FactPerson {
		return ""
	}
	return party.State
}
