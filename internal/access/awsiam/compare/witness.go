package compare

import (
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/glob"
)

// The accounts of made-up principals and resources.
const (
	ownAccount   = "111122223333"
	otherAccount = "444455556666"
)

// maxContexts bounds the contexts that are tried where policy variables leave
// more than one way to make a difference.
const maxContexts = 16

// contexts makes contexts in which the variables of the question have the given
// values. Policy variables are given values so that the comparisons come out as
// asked, as far as one pass over them can.
func (v *vocabulary) contexts(w Witness, values []glob.Set) []map[string][]string {
	var out []map[string][]string
	for turn := range maxContexts {
		context := make(map[string][]string)
		n, more := turn, false
		for _, name := range slices.Sorted(maps.Keys(v.keys)) {
			k := v.keys[name]
			choices := slices.Collect(values[k.place].All)
			value := k.values[choices[n%len(choices)]]
			more = more || len(choices) > 1
			n /= len(choices)
			if !value.absent {
				context[name] = slices.Clone(value.texts)
			}
		}
		for _, c := range v.compared {
			if !values[c.place].Has(differs) {
				v.fit(w, c, context)
			}
		}
		for _, c := range v.compared {
			v.unfit(c, context)
		}
		out = append(out, context)
		if !more || len(v.compared) == 0 {
			break
		}
	}
	return out
}

// fit gives variables values so that the comparison fits.
func (v *vocabulary) fit(w Witness, c comparisonWith, context map[string][]string) {
	text, subject := c.text, w.Resource
	if c.key != "" {
		_, text, _ = strings.Cut(c.text, " ")
		if c.whole != nil {
			text = c.whole.Values[0]
			for _, t := range c.whole.Values {
				if hasVariable(t) {
					text = t
				}
			}
		}
		subject = ""
		if have := context[c.key]; len(have) > 0 {
			subject = have[0]
		}
	}
	parts := cutVariables(text, true)
	found := make(map[string]string)
	for name, have := range context {
		if len(have) == 1 && name != c.key {
			found[name] = have[0]
		}
	}
	if extract(parts, subject, found) {
		for _, p := range parts {
			if value, ok := found[p.key]; ok && p.key != "" {
				context[p.key] = []string{value}
			}
		}
		return
	}
	if c.key == "" {
		return
	}
	// The key follows the variables instead.
	var b strings.Builder
	for _, p := range parts {
		switch {
		case p.key == "":
			b.WriteString(strings.NewReplacer("*", "x", "?", "x").Replace(p.text))
		case len(context[p.key]) > 0:
			b.WriteString(context[p.key][0])
		default:
			context[p.key] = []string{"x"}
			b.WriteString("x")
		}
	}
	context[c.key] = []string{b.String()}
}

// unfit gives variables that have no value yet one that fits nothing by chance.
func (v *vocabulary) unfit(c comparisonWith, context map[string][]string) {
	for _, p := range cutVariables(c.text, true) {
		if _, tested := v.keys[p.key]; p.key != "" && p.key != " " && !tested && len(context[p.key]) == 0 {
			context[p.key] = []string{"another-value"}
		}
	}
}

// extract finds values of the variables with which the parts make the text.
// Values that are there already stay.
func extract(parts []part, text string, found map[string]string) bool {
	if len(parts) == 0 {
		return text == ""
	}
	p := parts[0]
	if p.key != "" {
		if value, ok := found[p.key]; ok {
			rest, ok := strings.CutPrefix(text, value)
			return ok && extract(parts[1:], rest, found)
		}
		for end := 1; end <= len(text); end++ {
			found[p.key] = text[:end]
			if extract(parts[1:], text[end:], found) {
				return true
			}
		}
		delete(found, p.key)
		return false
	}
	if p.literal || !strings.ContainsAny(p.text, "*?") {
		rest, ok := strings.CutPrefix(text, p.text)
		return ok && extract(parts[1:], rest, found)
	}
	for end := len(text); end >= 0; end-- {
		if glob.Match(p.text, text[:end]) && extract(parts[1:], text[end:], found) {
			return true
		}
	}
	return false
}

// shows puts the request to the engine: the new policies must allow it and the
// old ones must not.
func (s *search) shows(w *Witness) bool {
	request := &awsiam.Request{Action: w.Action, Resource: w.Resource, ResourceAccount: otherAccount}
	for name, values := range w.Context {
		if s.isList(name) {
			request.Context.SetList(name, values...)
		} else {
			request.Context.Set(name, values[0])
		}
	}
	return s.outcome(s.next, request) == access.Allowed && refused(s.outcome(s.old, request))
}

func refused(o access.Outcome) bool {
	return o == access.ImplicitlyDenied || o == access.ExplicitlyDenied
}

// isList reports whether a key is given as a list: it is where some condition
// on it has a set operator.
func (s *search) isList(name string) bool {
	for _, st := range s.statements {
		for i := range st.Conditions {
			if quantified(st.Conditions[i].Operator) && strings.EqualFold(st.Conditions[i].Key, name) {
				return true
			}
		}
	}
	return false
}

// outcome asks what policies allow when nothing else limits. The account of
// the resource is another than the principal's, so that both the identity's
// policies and the resource's must allow; those that are not compared allow
// everything.
func (s *search) outcome(of side, request *awsiam.Request) access.Outcome {
	layers := &awsiam.Layers{}
	if s.principals {
		layers.Identity, layers.Resource = []*awsiam.Policy{s.everything("")}, of.policies
		request.Principal = s.principal
		if s.principal.Account() == request.ResourceAccount {
			request.ResourceAccount = "777788889999"
		}
	} else {
		layers.Identity = of.policies
		if of.layers != nil {
			layers = &awsiam.Layers{Identity: of.layers.Identity, Boundary: of.layers.Boundary, Session: of.layers.Session, ServiceControl: of.layers.ServiceControl}
		}
		layers.Resource = []*awsiam.Policy{s.everything(`,"Principal":"*"`)}
		request.Principal, _ = awsiam.ParsePrincipal("arn:aws:iam::" + ownAccount + ":user/anyone")
	}
	return awsiam.Outcome(layers, request, awsiam.Closed)
}

func (s *search) everything(principal string) *awsiam.Policy {
	p, err := awsiam.ParseText(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"` + principal + `}}`)
	if err != nil {
		panic("compare: the policy that allows everything is not understood: " + err.Error())
	}
	return p
}

// everybody lists principals so that every other one is, to all statements,
// like one of them: those that are named, somebody of each account that is,
// and strangers of every kind.
func (c *comparison) everybody() []awsiam.Principal {
	names := []string{"arn:aws:iam::" + otherAccount + ":user/stranger", "arn:aws:iam::" + otherAccount + ":role/stranger",
		"stranger.amazonaws.com", "stranger.example"}
	add := func(e *awsiam.Principals) {
		if e == nil {
			return
		}
		names = append(names, e.Service...)
		names = append(names, e.Federated...)
		for _, name := range e.AWS {
			names = append(names, name)
			account := name
			if parts := strings.Split(name, ":"); len(parts) == arnSegments {
				account = parts[4]
			}
			names = append(names, "arn:aws:iam::"+account+":user/stranger")
		}
	}
	for _, st := range c.statements {
		add(st.Principals)
		add(st.NotPrincipals)
	}
	out := []awsiam.Principal{awsiam.Anonymous()}
	for _, name := range names {
		if p, err := awsiam.ParsePrincipal(name); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// name notes which statements name the principal, and returns that as a text.
func (s *search) name(p awsiam.Principal) string {
	var b strings.Builder
	for _, st := range s.statements {
		var sure bool
		st.names, sure = st.Names(p)
		if !sure {
			// Taken as what makes the answer unsure, if it matters.
			helps := st.isNew != st.deny
			st.names = helps == bool(s.reading)
			s.unclear = true
			if s.why == "" {
				s.why = "principal of statement " + st.Place() + ": whom it names cannot be told"
			}
		}
		if st.names {
			b.WriteByte('1')
		} else {
			b.WriteByte('0')
		}
	}
	return b.String()
}
