package estate

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsdata"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// Facts are the types of fact that a Collector needs, in the order in which it
// is best given them.
func Facts() []retinue.FactType {
	return []retinue.FactType{retinue.FactPerson, retinue.FactContainer, retinue.FactIdentity, retinue.FactGroup, retinue.FactPolicy,
		retinue.FactCredential, retinue.FactResource, retinue.FactMembership, retinue.FactAttachment, retinue.FactGrant,
		retinue.FactTrust, retinue.FactPlacement}
}

// Collector builds an Estate from the facts of all systems. The zero Collector
// is ready. It is used by one goroutine.
type Collector struct {
	// AWS is the reference data about AWS; nil means that of the program.
	AWS *awsdata.Data

	makers map[string]*maker // by the kind of realm; nil where no engine speaks for it
	all    []maker           // those that are given the facts of every realm
	order  []string
	joins  joins
	same   same
	labels map[retinue.Ref]labels
	gaps   map[retinue.Realm][]string
	whole  []retinue.Scope
}

// labels are what label rules say of a thing; they count more than what its
// source says.
type labels struct {
	environment retinue.Environment
	dataClass   string
}

// Add takes a fact that a scope of a realm states. Facts that play no part are
// passed over. Of several facts about one thing, the first counts.
func (c *Collector) Add(in retinue.Realm, f retinue.Fact) error {
	if c.makers == nil {
		c.makers, c.all = make(map[string]*maker), everywhere()
	}
	kind := in.Kind()
	m, ok := c.makers[kind]
	if !ok {
		if made, some := c.newMaker(kind); some {
			m = &made
			c.order = append(c.order, kind)
		}
		c.makers[kind] = m
	}
	if m != nil {
		if err := c.give(in, m, f); err != nil {
			return err
		}
	}
	for i := range c.all {
		if err := c.give(in, &c.all[i], f); err != nil {
			return err
		}
	}
	if cred, ok := f.(retinue.Credential); ok {
		for _, j := range cred.Joins {
			c.same.join(string(j.Kind)+" "+j.Value, cred.Ref)
		}
	}
	c.joins.take(f)
	return nil
}

// maxMisread bounds the documents of a realm that are named as not understood.
const maxMisread = 100

// give hands a fact to an engine. A document that cannot be read is a gap of its
// realm: it must not keep all others from being answered.
func (c *Collector) give(in retinue.Realm, m *maker, f retinue.Fact) error {
	err := m.add(f)
	if errors.Is(err, retinue.ErrInvalid) {
		if len(c.gaps[in]) < maxMisread {
			c.gap(in, retinue.CleanName(err.Error()))
		}
		return nil
	}
	return err
}

// Same says that a ref names the thing that the store knows by a key, as other
// refs may.
func (c *Collector) Same(thing int64, ref retinue.Ref) {
	c.same.join(fmt.Sprintf("thing %d", thing), ref)
}

// Label says what label rules made of a thing.
func (c *Collector) Label(ref retinue.Ref, environment retinue.Environment, dataClass string) {
	if c.labels == nil {
		c.labels = make(map[retinue.Ref]labels)
	}
	c.labels[ref] = labels{environment, dataClass}
}

// Scope says how a scope was read: whole, or with a gap for the reason given.
func (c *Collector) Scope(s retinue.Scope, gap string) {
	if gap == "" {
		c.whole = append(c.whole, s)
		return
	}
	c.gap(s.Realm, gap)
}

func (c *Collector) gap(realm retinue.Realm, why string) {
	if c.gaps == nil {
		c.gaps = make(map[retinue.Realm][]string)
	}
	c.gaps[realm] = append(c.gaps[realm], why)
}

// Estate returns the estate of what was added. The Collector must not be used
// any more.
func (c *Collector) Estate() (*Estate, error) {
	of, names := c.same.close()
	e := &Estate{same: of, names: names, joins: &c.joins, labels: c.labels}
	makers := c.all
	for _, kind := range c.order {
		makers = append(makers, *c.makers[kind])
	}
	for _, m := range makers {
		engine, err := m.engine(readings{c.gaps, c.whole})
		if err != nil {
			return nil, fmt.Errorf("read access: %w", err)
		}
		if engine != nil {
			e.engines = append(e.engines, engine)
		}
	}
	slices.SortFunc(e.engines, func(a, b Engine) int { return strings.Compare(a.Language(), b.Language()) })
	for _, engine := range e.engines {
		for _, k := range engine.Realms() {
			e.joins.cover(k.Realm)
		}
	}
	return e, nil
}

// describe completes a node from what the inventory says of it.
func (e *Estate) describe(n *graph.Node) {
	t, ok := e.joins.things[n.Ref]
	if ok {
		if n.Kind == graph.Outside {
			n.Kind = t.kind
		}
		if n.Name == "" {
			n.Name = t.name
		}
		if n.Environment == "" {
			n.Environment = e.joins.environment(t)
		}
		if n.DataClass == "" {
			n.DataClass = t.dataClass
		}
	}
	if l, ok := e.labels[n.Ref]; ok {
		if l.environment != "" {
			n.Environment = l.environment
		}
		if l.dataClass != "" {
			n.DataClass = l.dataClass
		}
	}
}
