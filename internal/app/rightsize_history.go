package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/account"
	"github.com/retinue-id/retinue/internal/access/awsiam/rightsize"
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/usage"
	"github.com/retinue-id/retinue/internal/usage/replay"
	"github.com/retinue-id/retinue/internal/web/api"
)

// RightSizeHistory says on what history a policy was right-sized.
type RightSizeHistory = api.RightSizeHistory

// rightSizing is the history of an identity of AWS as uses.
type rightSizing struct {
	sim     *simulation
	estate  *estate.Estate
	engine  *account.Engine
	have    []account.Attached
	uses    []rightsize.Use
	unshown []string
	unknown []string
	recent  []replay.UnusedGrant
}

// history takes the uses of an identity from the usage history.
func (x *Access) history(ctx context.Context, id retinue.EntityID) (*rightSizing, error) {
	s, e, err := x.app.simulatedGrants(ctx, x.scope, id)
	if err != nil {
		return nil, err
	}
	h := &rightSizing{sim: s, estate: e, unshown: []string{}, unknown: []string{}}
	if h.engine, h.have = attachedOf(e, s.Ref); h.engine == nil {
		return nil, fmt.Errorf("%w: right-size: %s is no AWS user or role", retinue.ErrUnsupported, s.Name)
	}
	for _, b := range s.Missing {
		h.unshown = append(h.unshown, b.Actions...)
	}
	slices.Sort(h.unshown)
	h.unshown = slices.Compact(h.unshown)
	if err := h.collect(); err != nil {
		return nil, err
	}
	unused, err := s.unused(ctx, e)
	if err != nil {
		return nil, err
	}
	h.recent = unused.Recent
	if len(h.uses) == 0 {
		return nil, fmt.Errorf("%w: right-size %s: no use of it is on record: import its logs with `retinue activity import`, or give the uses in a file with `retinue access right-size --uses`", retinue.ErrNotFound, s.Name)
	}
	return h, nil
}

// collect makes uses of what the identity itself did and was not refused.
func (h *rightSizing) collect() error {
	was, ok := h.engine.Suppose(h.sim.Ref, policiesOf(h.have))
	if !ok {
		return fmt.Errorf("%w: right-size: %s is no AWS user or role", retinue.ErrUnsupported, h.sim.Name)
	}
	direct := h.sim.judge(h.estate, nil, nil, nil).Direct
	for i := range h.sim.used {
		b := &h.sim.used[i].Behaviour
		if b.Outcome != retinue.OutcomeSuccess || !direct(b) || !replay.Use(b) {
			continue
		}
		if b.Action == "" {
			if word := cmp.Or(b.Operation, "an entry of "+b.Log); !slices.Contains(h.unknown, word) {
				h.unknown = append(h.unknown, word)
			}
			continue
		}
		resource := b.Resource.Key
		if strings.ContainsAny(resource, "*?") {
			// Where statements tell apart what the name may mean, all stay.
			if list, ok := was.Instances(was, b.Action, resource); !ok || len(list) != 1 {
				resource = ""
			}
		}
		h.uses = append(h.uses, rightsize.Use{Action: b.Action, Resource: resource, Context: knownContext(b.Context)})
		for _, more := range strings.Fields(b.More) {
			h.uses = append(h.uses, rightsize.Use{Action: more}) // on what is not known
		}
	}
	slices.Sort(h.unknown)
	return nil
}

// knownContext are the request conditions of a behaviour as uses have them.
func knownContext(class string) map[string][]string {
	if class == "" || class == usage.ContextOverflow {
		return nil
	}
	out := map[string][]string{}
	for line := range strings.SplitSeq(class, "\n") {
		if key, value, ok := strings.Cut(line, "="); ok {
			out[key] = []string{value}
		}
	}
	return out
}

// simulate replays the history under the result.
func (h *rightSizing) simulate(r *rightsize.Result) (*RightSizeHistory, error) {
	var next []*awsiam.Policy
	for i, d := range r.Documents {
		p, err := awsiam.Parse(d.Policy)
		if err != nil {
			return nil, fmt.Errorf("simulate new document: %w", err)
		}
		next = append(next, p.Named(fmt.Sprintf("new document %d", i+1)))
	}
	s, err := h.sim.supposed("right-size "+h.sim.Name, h.estate, h.engine, policiesOf(h.have), next)
	return &RightSizeHistory{Unmapped: h.unknown, Unshown: h.unshown, Recent: h.recent, Simulation: s}, err
}

// young are the patterns of actions that were granted too lately to have been used.
func (h *rightSizing) young() []string {
	var out []string
	for _, g := range h.recent {
		out = append(out, g.Actions...)
		if len(g.Resources) > 0 {
			out = append(out, g.Granted()...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
