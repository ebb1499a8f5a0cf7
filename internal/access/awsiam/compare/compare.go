// Package compare decides whether one set of AWS policies allows a request
// that another does not.
//
// The answer is exact where it is given. All strings that the policies could
// tell apart are divided into finitely many classes, actions and resources and
// the values of each condition key alike (package glob; intervals for numbers,
// dates and addresses), so that looking at one request of each class looks at
// all of them. Every request is syntactically possible: also actions that do
// not exist yet, and resources of any type.
//
// A Yes comes with a request that shows it, and that request was put to the
// engine ([awsiam.Outcome]) under both sets. A No means that there is none.
// What cannot be decided within bounds is Unknown, with the reason.
package compare

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// Answer says whether there is a difference.
type Answer string

// The answers.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "unknown"
)

// Result is the answer to one comparison.
type Result struct {
	Answer Answer
	// Witness is a request that the new policies allow and the old ones do
	// not. It is set for Yes alone.
	Witness *Witness
	// Why says for Unknown what was not decided.
	Why string
}

// Witness is a request.
type Witness struct {
	// Principal is empty for policies of identities, where it plays no part.
	Principal string `json:"principal,omitempty"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	// Context holds the values of its condition keys; a key that is not there
	// is absent.
	Context map[string][]string `json:"context,omitempty"`
}

// Bounds on the work of one comparison. They are far above what AWS's own
// limits on the size of policies let happen.
const (
	maxActions   = 20_000 // classes of actions
	maxResources = 4_000  // classes of resources for one kind of action
	maxValues    = 2_000  // values of one condition key
	maxSteps     = 2_000  // steps of the search for one kind of request
	maxRequests  = 50_000 // kinds of requests
)

// Policies reports whether the new policies, taken together, allow a request
// that the old ones, taken together, do not. With old and new exchanged it
// reports whether access is lost.
//
// The policies are all of identities, or all of resources (with Principal
// elements); boundaries and organisation policies are not applied.
func Policies(old, next []*awsiam.Policy) Result {
	c := comparison{}
	c.add(old, false)
	c.add(next, true)
	return c.decide()
}

func (c *comparison) decide() Result {
	r := c.run(certain)
	if r.Answer == Yes || !c.unclear {
		return r
	}
	// Statements that are not understood may apply or not. What holds either
	// way is an answer all the same.
	if r := c.run(possible); r.Answer == No {
		return r
	}
	return Result{Answer: Unknown, Why: c.why}
}

// Document compares two documents.
func Document(old, next *awsiam.Policy) Result {
	return Policies([]*awsiam.Policy{old}, []*awsiam.Policy{next})
}

// reading is how statements that are not understood are taken.
type reading bool

const (
	// certain: so that no difference is found that might not be one.
	certain reading = false
	// possible: so that no difference is missed.
	possible reading = true
)

type comparison struct {
	old, next  side
	statements []*statement
	unclear    bool
	why        string
	principals bool // some statement has a Principal element
}

// side is what stands on one side: policies in groups, of which each must
// allow. Policies that are compared by themselves are one group.
type side struct {
	policies []*awsiam.Policy
	groups   int
	layers   *awsiam.Layers // that the groups come from, if any
}

// statement is a statement of either side.
type statement struct {
	*awsiam.Statement
	isNew     bool
	group     int
	deny      bool
	unclear   bool
	variables bool // ${…} is substituted
	names     bool // of the principal being looked at
}

// add adds a group of policies to one side.
func (c *comparison) add(policies []*awsiam.Policy, isNew bool) {
	to := &c.old
	if isNew {
		to = &c.next
	}
	group := to.groups
	to.groups++
	to.policies = append(to.policies, policies...)
	for _, p := range policies {
		for _, problem := range p.Problems() {
			c.unclear = true
			if c.why == "" {
				c.why = problemText(p, problem)
			}
		}
		list := p.Statements()
		for i := range list {
			s := &statement{Statement: &list[i], isNew: isNew, group: group, deny: list[i].Effect == awsiam.Deny,
				unclear: len(list[i].Unclear) > 0, variables: p.Version() == awsiam.Version2012, names: true}
			c.principals = c.principals || s.Principals != nil || s.NotPrincipals != nil
			c.statements = append(c.statements, s)
		}
	}
}

func problemText(p *awsiam.Policy, problem awsiam.Problem) string {
	where := "policy"
	if p.Name() != "" {
		where = p.Name()
	}
	if problem.Statement > 0 {
		return fmt.Sprintf("%s, statement %d: %s", where, problem.Statement, problem.Text)
	}
	return where + ": " + problem.Text
}

// run looks at every kind of request.
func (c *comparison) run(r reading) Result {
	for _, p := range append(append([]*awsiam.Policy(nil), c.old.policies...), c.next.policies...) {
		if len(p.Statements()) == 0 && len(p.Problems()) > 0 {
			return Result{Answer: Unknown, Why: c.why}
		}
	}
	s := search{comparison: c, reading: r, classes: make(map[string][]resourceClass)}
	if !c.principals {
		return s.actions("")
	}
	out := Result{Answer: No}
	seen := make(map[string]bool)
	for _, p := range c.everybody() {
		key := s.name(p)
		if seen[key] {
			continue
		}
		seen[key] = true
		s.principal = p
		switch found := s.actions(p.String()); found.Answer {
		case Yes:
			return found
		case Unknown:
			out = found
		}
	}
	return out
}

// search is one run over all kinds of requests.
type search struct {
	*comparison
	reading   reading
	principal awsiam.Principal
	// classes are the kinds of resources by the statements that matter.
	classes  map[string][]resourceClass
	requests int
	unsure   string // why a No would not be one
}

// applies reports whether the statement is taken into account. One that is not
// wholly understood is left out, or else what is not understood of it is taken
// to cover everything.
func (s *search) applies(st *statement) bool {
	if !st.names {
		return false
	}
	helps := st.isNew != st.deny // makes a difference more likely
	return !st.unclear || helps == bool(s.reading)
}

// actions looks at every kind of action.
func (s *search) actions(principal string) Result {
	var patterns []glob.Pattern
	var elements []element
	for _, st := range s.statements {
		list, not := st.Actions, false
		if list == nil {
			list, not = st.NotActions, true
		}
		e := element{first: len(patterns), not: not, never: !s.applies(st)}
		for _, a := range list {
			if p, ok := actionPattern(a); ok {
				patterns = append(patterns, p)
			} else if st.unclear {
				e.always = true
			}
		}
		e.last = len(patterns)
		elements = append(elements, e)
	}
	classes, err := glob.Classes(patterns, actionText{}, maxActions)
	if err != nil {
		return Result{Answer: Unknown, Why: "actions: " + err.Error()}
	}
	seen := make(map[string]bool)
	for _, class := range classes {
		in := glob.NewSet(len(s.statements))
		allowing := glob.NewSet(s.next.groups) // groups of the new side that may allow it
		for i, e := range elements {
			if e.covers(class.Matches) {
				in.Add(i)
				if s.statements[i].isNew && !s.statements[i].deny {
					allowing.Add(s.statements[i].group)
				}
			}
		}
		key := in.Key()
		if allowing.Len() < s.next.groups || seen[key] {
			continue
		}
		seen[key] = true
		if r, done := s.resources(Witness{Principal: principal, Action: class.Witness}, in); done {
			return r
		}
	}
	if s.unsure != "" {
		return Result{Answer: Unknown, Why: s.unsure}
	}
	return Result{Answer: No}
}

// element is an Action, NotAction, Resource or NotResource element: a stretch
// of a list of patterns.
type element struct {
	first, last int
	not         bool
	never       bool
	always      bool
}

func (e element) covers(matches glob.Set) bool {
	if e.never || e.always {
		return !e.never
	}
	for i := e.first; i < e.last; i++ {
		if matches.Has(i) {
			return !e.not
		}
	}
	return e.not
}

// resources looks at every kind of resource for one kind of action.
func (s *search) resources(w Witness, statements glob.Set) (Result, bool) {
	classes, err := s.resourceClasses(statements)
	if err != nil {
		s.unsure = "resources of " + w.Action + ": " + err.Error()
		return Result{}, false
	}
	for i := range classes {
		if s.requests++; s.requests > maxRequests {
			return Result{Answer: Unknown, Why: "the policies tell too many kinds of requests apart"}, true
		}
		w.Resource = classes[i].witness
		if r, done := s.conditions(w, &classes[i]); done {
			return r, true
		}
	}
	return Result{}, false
}

// resourceClass is a kind of resource: the statements that cover it, each with
// the patterns with variables that it hangs on.
type resourceClass struct {
	witness string
	covers  []coverage
}

// coverage says that a statement covers a kind of resource. Patterns that hold
// variables may fit or not: for Resource one of maybe must, unless sure; for
// NotResource none of them may.
type coverage struct {
	statement *statement
	sure      bool
	maybe     []string
}

func (s *search) resourceClasses(statements glob.Set) ([]resourceClass, error) {
	key := statements.Key()
	if known, ok := s.classes[key]; ok {
		return known, nil
	}
	var patterns []glob.Pattern
	var elements []element
	var which []*statement
	for i := range statements.All {
		st := s.statements[i]
		list := st.Resources
		if list == nil {
			list = st.NotResources
		}
		// Trust policies and others of a resource may leave the element out.
		always := st.Resources == nil && st.NotResources == nil
		e := element{first: len(patterns), not: st.Resources == nil, always: always}
		for _, r := range list {
			patterns = append(patterns, resourcePattern(r, st.variables))
		}
		e.last = len(patterns)
		elements = append(elements, e)
		which = append(which, st)
	}
	classes, err := glob.Classes(patterns, glob.AnyText(), maxResources)
	if err != nil {
		return nil, err
	}
	var out []resourceClass
	seen := make(map[string]bool)
	for _, class := range classes {
		r := resourceClass{witness: class.Witness}
		var name strings.Builder
		for i, e := range elements {
			c, ok := cover(which[i], e, class.Matches)
			if !ok {
				continue
			}
			r.covers = append(r.covers, c)
			fmt.Fprintf(&name, "%d %t %q;", i, c.sure, c.maybe)
		}
		if !seen[name.String()] {
			seen[name.String()] = true
			out = append(out, r)
		}
	}
	s.classes[key] = out
	return out, nil
}

func cover(st *statement, e element, matches glob.Set) (coverage, bool) {
	c := coverage{statement: st, sure: e.always || e.not}
	if e.always {
		return c, true
	}
	list := st.Resources
	if e.not {
		list = st.NotResources
	}
	for i, text := range list {
		if !matches.Has(e.first + i) {
			continue
		}
		switch {
		case st.variables && hasVariable(text):
			c.maybe = append(c.maybe, text)
		case e.not:
			return c, false
		default:
			c.sure, c.maybe = true, nil
			return c, true
		}
	}
	slices.Sort(c.maybe)
	c.maybe = slices.Compact(c.maybe)
	return c, c.sure || len(c.maybe) > 0
}

// conditions looks for values of the condition keys with which the new
// statements allow a request and the old ones do not.
func (s *search) conditions(w Witness, class *resourceClass) (Result, bool) {
	ground, open := glob.NewSet(s.old.groups), false
	for _, c := range class.covers {
		simple := c.sure && len(c.maybe) == 0 && len(c.statement.Conditions) == 0
		switch {
		case simple && c.statement.isNew && c.statement.deny:
			return Result{}, false
		case simple && !c.statement.isNew && !c.statement.deny:
			ground.Add(c.statement.group)
		case !c.statement.isNew && c.statement.deny:
			open = true
		}
	}
	if ground.Len() == s.old.groups && !open {
		return Result{}, false // the old policies allow it whatever the context
	}
	v := newVocabulary(class)
	if errors.Is(v.err, glob.ErrTooMany) {
		s.unsure = "conditions on " + w.Action + ": " + v.err.Error()
		return Result{}, false
	}
	q := question{domains: v.domains, budget: maxSteps, newAllow: make([][]rule, s.next.groups), oldAllow: make([][]rule, s.old.groups)}
	for _, c := range class.covers {
		rules := v.rules(c)
		switch {
		case c.statement.isNew && c.statement.deny:
			q.newDeny = append(q.newDeny, rules...)
		case c.statement.isNew:
			q.newAllow[c.statement.group] = append(q.newAllow[c.statement.group], rules...)
		case c.statement.deny:
			q.oldDeny = append(q.oldDeny, rules...)
		default:
			q.oldAllow[c.statement.group] = append(q.oldAllow[c.statement.group], rules...)
		}
	}
	values, decided := q.solve()
	if values == nil {
		switch {
		case !decided:
			s.unsure = "conditions on " + w.Action + " on " + w.Resource + ": too many combinations"
		case v.coarse != "":
			s.unsure = "conditions on " + w.Action + " on " + w.Resource + ": " + v.coarse
		}
		return Result{}, false
	}
	for _, context := range v.contexts(w, values) {
		w.Context = context
		if s.shows(&w) {
			return Result{Answer: Yes, Witness: &w}, true
		}
	}
	if bool(s.reading) {
		return Result{Answer: Yes, Witness: &w}, true // only whether there may be one is asked
	}
	s.unsure = "no request could be made that shows the difference found for " + w.Action + " on " + w.Resource
	return Result{}, false
}
