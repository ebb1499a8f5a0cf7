package estate

import (
	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam/account"
	"github.com/retinue-id/retinue/internal/access/azurerbac"
	"github.com/retinue-id/retinue/internal/access/gcpiam"
	"github.com/retinue-id/retinue/internal/access/k8srbac"
	"github.com/retinue-id/retinue/internal/access/pgacl"
	"github.com/retinue-id/retinue/internal/access/pipelines"
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

// of lists the scopes of a kind of realm that were read whole.
func (r readings) of(kind string) []retinue.Scope {
	var out []retinue.Scope
	for _, s := range r.whole {
		if s.Realm.Kind() == kind {
			out = append(out, s)
		}
	}
	return out
}

// newMaker returns the maker of the engine that speaks for a kind of realm, and
// false where none does.
func (c *Collector) newMaker(kind string) (maker, bool) {
	switch kind {
	case "aws":
		c := &account.Collector{Data: c.AWS}
		return maker{c.Add, func(r readings) (Engine, error) { return made(c.Engine(r.gaps, r.of("aws"))) }}, true
	case "azure":
		c := &azurerbac.Collector{}
		return maker{c.Add, func(r readings) (Engine, error) { return made(c.Engine(r.gaps, r.of("azure"))) }}, true
	case "gcp":
		c := &gcpiam.Collector{}
		return maker{c.Add, func(r readings) (Engine, error) { return made(c.Engine(r.gaps, r.of("gcp"))) }}, true
	case "kubernetes":
		c := &k8srbac.Collector{}
		return maker{c.Add, func(r readings) (Engine, error) { return made(c.Engine(r.gaps)) }}, true
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

// everywhere returns the makers that are given the facts of every realm: the
// tokens of pipelines and workloads are of one, and the trusts in them of
// another.
func everywhere() []maker {
	c := &pipelines.Collector{}
	return []maker{{c.Add, func(r readings) (Engine, error) { return made(c.Engine(r.gaps)) }}}
}
