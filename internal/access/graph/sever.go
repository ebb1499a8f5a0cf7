package graph

import "slices"

// sever is the cut as a flow: what a step rests on is what its arcs cost. Where
// a grant is needed by one step, or only by steps that all leave one node or all
// enter one, and no step has two of these at one end, that is the whole problem
// and its answer the smallest cut. A grant that is needed elsewhere too is
// divided among its arcs: what can be sent is then a bound on what every cut
// costs, and the arcs that are full are a cut that may not be the smallest.
type sever struct {
	c      *cutter
	steps  []severed
	uses   map[GrantID]*use
	flow   flow
	vertex map[NodeID]int32
	gates  map[gate]int32
	falls  []option // by arc: what it falls with; none of what nothing cuts
}

// severed is a step and what cuts it: grants with a gate where it leaves its
// node and where it enters the other, None where there is none, and the rest.
type severed struct {
	id           StepID
	leave, enter GrantID
	rest         []option
}

// use is where a grant is needed.
type use struct {
	from, to NodeID // the node that all its steps leave, or enter, or None
	alone    bool   // never needed together with another
	gated    bool
	steps    int
	arcs     int64 // among which it is divided
}

// sever returns a cut and what every cut costs at least. It holds where no step
// has several sources and no length is asked for; the search with nothing
// picked must be the last.
func (c *cutter) sever() (grants []GrantID, least int64) {
	s := &sever{c: c, uses: map[GrantID]*use{}, vertex: map[NodeID]int32{}, gates: map[gate]int32{}}
	s.collect()
	s.assign()
	s.build()
	least = s.flow.most(0, 1)
	picked := make(map[GrantID]bool)
	for i, o := range s.falls {
		a := 2 * i
		if s.flow.level[s.flow.arcs[a^1].to] != None && s.flow.level[s.flow.arcs[a].to] == None {
			for _, id := range o {
				picked[id] = true
			}
		}
	}
	for id := range picked {
		grants = append(grants, id)
	}
	slices.Sort(grants)
	return grants, least
}

// collect lists the steps between the sources and the targets, and where their
// grants are needed.
func (s *sever) collect() {
	c := s.c
	var from []NodeID
	start := s.flow.vertex()
	end := s.flow.vertex()
	for _, n := range c.targets {
		s.vertex[n] = end
	}
	for n, source := range c.sources {
		if source {
			from = append(from, NodeID(n))
			s.vertex[NodeID(n)] = s.flow.vertex()
			s.connect(start, s.vertex[NodeID(n)], None, nil, endless)
		}
	}
	reach := c.g.Reach(c.opt.Options, from...)
	for _, n := range c.back.plain.order {
		if !reach.Reached(n) {
			continue
		}
		for _, id := range c.g.To(n) {
			if int(id) >= c.g.single || !reach.Taken(id) {
				continue
			}
			options := c.demand(Path{id})
			s.steps = append(s.steps, severed{id, None, None, options})
			for _, o := range options {
				for _, grant := range o {
					s.note(id, grant, len(o) == 1)
				}
			}
		}
	}
}

func (s *sever) note(id StepID, grant GrantID, alone bool) {
	from, to := s.c.g.steps.from[id], s.c.g.steps.to[id]
	u := s.uses[grant]
	if u == nil {
		u = &use{from: from, to: to, alone: true}
		s.uses[grant] = u
	}
	u.steps++
	u.alone = u.alone && alone
	if u.from != from {
		u.from = None
	}
	if u.to != to {
		u.to = None
	}
}

// assign decides by which grants a step has gates, and counts the arcs among
// which each grant is divided.
func (s *sever) assign() {
	for i := range s.steps {
		step := &s.steps[i]
		var rest []option
		for _, o := range step.rest {
			u := s.uses[o[0]]
			switch shared := u.alone && u.steps > 1; {
			case shared && u.from != None && step.leave == None:
				step.leave = o[0]
			case shared && u.from == None && u.to != None && step.enter == None:
				step.enter = o[0]
			default:
				rest = append(rest, o)
				for _, id := range o {
					s.uses[id].arcs++
				}
				continue
			}
			if !u.gated {
				u.gated = true
				u.arcs++
			}
		}
		step.rest = rest
	}
}

// build makes the network, from vertex 0 to 1.
func (s *sever) build() {
	for _, step := range s.steps {
		from, to := s.c.g.steps.from[step.id], s.c.g.steps.to[step.id]
		at, into := s.at(from), s.at(to)
		if step.leave != None {
			at = s.pass(gate{from, step.leave, false}, at)
		}
		if step.enter != None {
			into = s.pass(gate{to, step.enter, true}, into)
		}
		if len(step.rest) == 0 {
			s.connect(at, into, step.id, nil, endless)
		}
		for i, o := range step.rest {
			next := into
			if i < len(step.rest)-1 {
				next = s.flow.vertex()
			}
			s.connect(at, next, step.id, o, s.share(o))
			at = next
		}
	}
}

func (s *sever) at(n NodeID) int32 {
	v, ok := s.vertex[n]
	if !ok {
		v = s.flow.vertex()
		s.vertex[n] = v
	}
	return v
}

// pass is the far side of a gate at a vertex.
func (s *sever) pass(gt gate, v int32) int32 {
	side, ok := s.gates[gt]
	if !ok {
		side = s.flow.vertex()
		s.gates[gt] = side
		o := option{gt.grant}
		if gt.enter {
			s.connect(side, v, None, o, s.share(o))
		} else {
			s.connect(v, side, None, o, s.share(o))
		}
	}
	return side
}

func (s *sever) connect(from, to int32, step StepID, o option, room int64) {
	s.flow.connect(from, to, step, room)
	s.falls = append(s.falls, o)
}

// share is what an arc's part of some grants costs, rounded down.
func (s *sever) share(o option) (sum int64) {
	for _, id := range o {
		sum += s.c.cost(id) / s.uses[id].arcs
	}
	return sum
}
