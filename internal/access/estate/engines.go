package estate

import (
	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam/account"
	"github.com/retinue-id/retinue/internal/access/pgacl"
)

// maker makes the engine of one policy language from the facts of its realms.
type maker struct {
	add    func(f retinue.Fact) error
	engine func(r readings) (Engine, error)
}

// readings say how the scopes of realms were read.
type readings struct {
	gaps  map[retinue.Realm][]string
	whole []retinue.Scope
}

// newMaker returns the maker of the engine that speaks for a kind of realm, and
// false where none does.
func newMaker(kind string) (maker, bool) {
	switch kind {
	case "aws":
		c := &account.Collector{}
		return maker{c.Add, func(r readings) (Engine, error) { return made(c.Engine(r.gaps, r.whole)) }}, true
	case "postgres":
		c := &pgacl.Collector{}
		return maker{c.Add, func(r readings) (Engine, error) { return made(c.Engine(r.gaps)) }}, true
	}
	return maker{}, false
}

// made keeps an engine that is none from being taken for one.
func made[E interface {
	comparable
	Engine
}](e E, err error) (Engine, error) {
	var none E
	if err != nil || e == none {
		return nil, err
	}
	return e, nil
}

// everywhere returns the makers that are given the facts of every realm.
func everywhere() []maker { return nil }
