package rightsize

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/compare"
)

// prove puts every use to the engine under the new documents, and looks for a
// request that only they allow.
func (s *shrinker) prove(uses []*use) error {
	for i, d := range s.result.Documents {
		p, err := awsiam.Parse(d.Policy)
		if err != nil {
			return fmt.Errorf("right-size: new document: %w", err)
		}
		s.next = append(s.next, p.Named(fmt.Sprintf("new document %d", i+1)))
	}
	layers := s.layers(s.next)
	for _, u := range uses {
		if err := s.replay(layers, u); err != nil {
			return err
		}
	}
	switch r := s.gains(); r.Answer {
	case compare.No:
		return nil
	case compare.Yes:
		return fmt.Errorf("%w: right-size: the result would newly allow %s on %s, so it is not given", retinue.ErrUnsupported, r.Witness.Action, r.Witness.Resource)
	default:
		return fmt.Errorf("%w: right-size: that the result gives no new access could not be proven: %s", retinue.ErrUnsupported, r.Why)
	}
}

// replay checks that a use comes out as before. Where that hangs on conditions,
// they must be the same, or compare must find no context in which it is lost.
func (s *shrinker) replay(layers *awsiam.Layers, u *use) error {
	if u.resource == "" {
		if !slices.ContainsFunc(s.next, func(p *awsiam.Policy) bool {
			return slices.ContainsFunc(p.Statements(), func(st awsiam.Statement) bool { return st.Effect == awsiam.Allow && st.AppliesTo(u.Action) })
		}) {
			return fmt.Errorf("%w: right-size: %s would be lost, so the result is not given", retinue.ErrUnsupported, u.Action)
		}
		return nil
	}
	after := awsiam.Decide(layers, s.request(u), awsiam.Open)
	if after.Outcome == u.before.Outcome && (after.Outcome == access.Allowed || remains(after) == remains(u.before)) {
		return nil
	}
	if granted(after.Outcome) {
		only, err := onlyThis(u)
		if err == nil && compare.Policies(s.next, append(slices.Clone(s.Old), only)).Answer == compare.No {
			return nil
		}
	}
	return fmt.Errorf("%w: right-size: %s on %s was %s and would be %s, so the result is not given", retinue.ErrUnsupported, u.Action, u.resource,
		u.before.Sentence(), after.Sentence())
}

// remains is what remains of a decision as a text that is equal for equal
// requirements, whatever their order.
func remains(d access.Decision) string {
	return canonical(access.Condition{AllOf: d.Remains})
}

func canonical(c access.Condition) string {
	if len(c.AnyOf)+len(c.AllOf) == 0 {
		values := slices.Clone(c.Values)
		slices.Sort(values)
		return fmt.Sprintf("%t %q %q %q", c.Negated, strings.ToLower(c.Operator), strings.ToLower(c.Key), slices.Compact(values))
	}
	var parts []string
	for _, x := range append(slices.Clone(c.AnyOf), c.AllOf...) {
		parts = append(parts, canonical(x))
	}
	slices.Sort(parts)
	if parts = slices.Compact(parts); len(parts) == 1 && !c.Negated {
		return parts[0]
	}
	return fmt.Sprintf("%t %t %q", c.Negated, len(c.AnyOf) > 0, parts)
}

// onlyThis denies all but one action on one resource, and but requests with the
// condition keys that are known.
func onlyThis(u *use) (*awsiam.Policy, error) {
	literal := strings.NewReplacer("${", "${$}{", "*", "${*}", "?", "${?}")
	statements := []statement{
		{Effect: "Deny", NotAction: list{u.Action}, Resource: list{"*"}},
		{Effect: "Deny", Action: list{"*"}, NotResource: list{literal.Replace(u.resource)}},
	}
	for key, values := range u.Context {
		if len(values) == 1 {
			statements = append(statements, statement{Effect: "Deny", Action: list{"*"}, Resource: list{"*"},
				Condition: conditions{"StringNotEquals": {key: list{literal.Replace(values[0])}}}})
		}
	}
	return awsiam.Parse(render(statements))
}

// gains looks for new access, in all documents together, or where that is too
// much for one comparison, statement by statement: what each allows is then
// within the old, and so is their union.
func (s *shrinker) gains() compare.Result {
	r := compare.Policies(s.Old, s.next)
	if r.Answer != compare.Unknown {
		return r
	}
	var deny []statement
	var allow []statement
	for _, p := range s.next {
		for i := range p.Statements() {
			st := again(&p.Statements()[i], true)
			if st.Effect == "Deny" {
				deny = append(deny, st)
			} else {
				allow = append(allow, st)
			}
		}
	}
	for _, st := range allow {
		p, err := awsiam.Parse(render(append([]statement{st}, deny...)))
		if err != nil {
			return compare.Result{Answer: compare.Unknown, Why: err.Error()}
		}
		if r := compare.Policies(s.Old, []*awsiam.Policy{p}); r.Answer != compare.No {
			return r
		}
	}
	return compare.Result{Answer: compare.No}
}

// report says what else there is to know of the result.
func (s *shrinker) report(statements []statement) {
	r := &s.result
	switch lost := compare.Policies(s.next, s.Old); lost.Answer {
	case compare.Yes:
		r.LostAccess, r.Witness = true, lost.Witness
	case compare.No:
		r.LostAccess = false
	default:
		r.LostAccess = string(compare.Unknown)
	}
	r.OverGrant = s.overGrant(statements)
	r.TakenAway = s.takenAway()
	before, after := escalations(s.Old), escalations(s.next)
	for _, e := range before {
		if !slices.Contains(after, e) {
			r.EscalationsLost = append(r.EscalationsLost, e)
		}
	}
	r.EscalationsLeft = after
	for _, kept := range []*[]Kept{&r.Kept, &r.Dropped} {
		if *kept == nil {
			*kept = []Kept{}
		}
	}
	if r.Uses.Refused == nil {
		r.Uses.Refused = []Refused{}
	}
}

// overGrant lists the patterns of the new statements with the uses that each
// stands for.
func (s *shrinker) overGrant(statements []statement) []OverGrant {
	out := []OverGrant{}
	for _, st := range statements {
		if st.Effect != "Allow" {
			continue
		}
		resources := st.Resource
		if len(st.NotResource) > 0 {
			resources = list{"everything but " + strings.Join(st.NotResource, ", ")}
		}
		for _, text := range resources {
			if !st.kept && (!strings.ContainsAny(text, "*?$") && len(st.NotResource) == 0 || text == "*" && s.withoutResources(st.Action)) {
				continue
			}
			p := newPattern(text, true)
			used := make(map[string]bool)
			for key, part := range s.parts {
				if slices.Contains(st.Action, part.action) && text != "" {
					for u := range s.parts[key].used {
						if p.match(u) || len(st.NotResource) > 0 {
							used[u] = true
						}
					}
				}
			}
			out = append(out, OverGrant{Actions: st.Action, Resource: text, Uses: len(used)})
		}
	}
	return out
}

// withoutResources reports whether all actions can only be allowed on "*".
func (s *shrinker) withoutResources(actions []string) bool {
	return !slices.ContainsFunc(actions, func(a string) bool {
		known, ok := s.catalog.action(a)
		return !ok || len(known.Resources) > 0
	})
}

// takenAway counts the known actions that are lost.
func (s *shrinker) takenAway() []TakenAway {
	out := []TakenAway{}
	if s.Data == nil {
		return out
	}
	kept := make(map[string]bool)
	for key := range s.parts {
		kept[key.action] = true
	}
	for _, name := range s.Data.Services() {
		if !slices.ContainsFunc(s.old.allow, func(g *grant) bool {
			return len(g.Actions) == 0 || g.names(name) || slices.ContainsFunc(g.Actions, func(p string) bool { return strings.HasPrefix(p, "*") })
		}) {
			continue
		}
		service, ok := s.Data.Service(name)
		if !ok {
			continue
		}
		t := TakenAway{Service: name}
		for i := range service.Actions {
			full := service.Actions[i].FullName()
			if s.old.allows(full) {
				t.Of++
				if !kept[strings.ToLower(full)] {
					t.Actions++
				}
			}
		}
		if t.Actions > 0 {
			out = append(out, t)
		}
	}
	slices.SortStableFunc(out, func(a, b TakenAway) int { return cmp.Compare(b.Actions, a.Actions) })
	return out
}

// escalations are the ways to further rights that the policies open by
// themselves, by the summary of them as one document.
func escalations(policies []*awsiam.Policy) []string {
	var all []statement
	for _, p := range policies {
		all = append(all, reread(p)...)
	}
	summary, err := awsiam.Summarize(string(render(all)))
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(setOf(summary.Escalates)))
}

func setOf(list []string) map[string]bool {
	out := make(map[string]bool, len(list))
	for _, v := range list {
		out[v] = true
	}
	return out
}
