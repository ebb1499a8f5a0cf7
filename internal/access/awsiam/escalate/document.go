package escalate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// document is what of a policy document bears on techniques.
type document struct {
	// number tells apart documents that differ in what bears on techniques; 0
	// where nothing does.
	number int32
	// allows are the actions that some statement allows in some way.
	allows actionSet
	// wide is true where some statement allows actions that no policy names,
	// without which nobody is an administrator.
	wide bool
	// denies is true where it may forbid something.
	denies bool
	bounds
	// trust is whom it admits, where it is a trust policy.
	trust trust
}

// bounds is how statements that bear on techniques tell principals apart.
type bounds struct {
	// patterns are resources that may be principals, and values of
	// aws:PrincipalArn; without policy variables.
	patterns []string
	// own are resources with the caller's user name in them.
	own []string
	// tags is true where tags are looked at; single where something else of
	// the caller is, so that nobody else is like it; loose where resources
	// depend on the caller in a way that is not followed.
	tags, single, loose bool
}

// trust is whom a trust policy may admit, of principals with an account.
type trust struct {
	open     bool
	accounts []string
	named    []string // ARNs
	services []string
	any      bool // any service
}

// library holds every document once. It is filled before it is asked.
type library struct {
	*book
	byPlace map[*awsiam.Statement]*document
	numbers map[string]int32
	// none has nothing; unclear is not understood, so that whoever has it is
	// allowed nothing for certain.
	none, unclear *document
}

func newLibrary(b *book) *library {
	return &library{book: b, byPlace: make(map[*awsiam.Statement]*document), numbers: make(map[string]int32),
		none: &document{}, unclear: &document{number: 1, denies: true}}
}

// placeOf is what policies of the same document share; nil where it has no
// statements.
func placeOf(p *awsiam.Policy) *awsiam.Statement {
	if list := p.Statements(); len(list) > 0 {
		return &list[0]
	}
	return nil
}

// document returns what bears on techniques of a policy, which many share.
func (l *library) document(p *awsiam.Policy) *document {
	if at := placeOf(p); at != nil {
		return l.byPlace[at]
	}
	if len(p.Problems()) > 0 {
		return l.unclear
	}
	return l.none
}

// add takes policies of distinct documents apart.
func (l *library) add(policies []*awsiam.Policy) {
	read, keys := make([]*document, len(policies)), make([]string, len(policies))
	const together = 64
	side((len(policies)+together-1)/together, func() func(int) {
		return func(i int) {
			for i, end := i*together, min((i+1)*together, len(policies)); i < end; i++ {
				read[i], keys[i] = l.read(policies[i])
			}
		}
	})
	for i, p := range policies {
		if keys[i] != "" {
			read[i].number = l.numbered(keys[i])
		}
		l.byPlace[placeOf(p)] = read[i]
	}
}

// read takes a policy apart. Documents with the same key, if they have one, are
// the same as far as they bear on techniques.
func (l *library) read(p *awsiam.Policy) (d *document, key string) {
	d = &document{}
	var text []string
	list := p.Statements()
	for i := range list {
		st := &list[i]
		var covers actionSet
		for n, action := range l.lower {
			if st.AppliesTo(action) {
				covers.add(n)
			}
		}
		wide := st.AppliesTo(unheard + ":" + unheard)
		if st.Effect == awsiam.Allow {
			if ownOnly(st) {
				// Nobody comes to itself, but may come to have more.
				covers.keep(&l.raising)
			}
			d.allows.join(covers)
			d.wide = d.wide || wide
			if covers.empty() && !wide && len(st.Unclear) == 0 {
				continue // all that decides nothing
			}
		}
		d.denies = d.denies || st.Effect != awsiam.Allow || len(st.Unclear) > 0
		text = append(text, fingerprint(st))
		d.read(st)
		d.trust.read(st)
	}
	for _, problem := range p.Problems() {
		text = append(text, problem.Text)
	}
	if len(text) > 0 {
		slices.Sort(text)
		key = p.Version() + "\n" + strings.Join(slices.Compact(text), "\n")
	}
	return d, key
}

// ownOnly reports whether a statement is about the caller's own user alone.
func ownOnly(st *awsiam.Statement) bool {
	return len(st.Resources) > 0 && !slices.ContainsFunc(st.Resources, func(r string) bool {
		last := r[strings.LastIndexByte(strings.TrimSuffix(r, "${aws:username}"), ':')+1:]
		return !strings.HasSuffix(r, "${aws:username}") || strings.ContainsAny(last, "*?") || strings.Count(last, "$") > 1
	})
}

func (l *library) numbered(key string) int32 {
	const first = 2 // after unclear
	n, ok := l.numbers[key]
	if !ok {
		n = int32(len(l.numbers)) + first
		l.numbers[key] = n
	}
	return n
}

// fingerprint is all of a statement that decides.
func fingerprint(st *awsiam.Statement) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %q %q %q %q %q", st.Effect, st.Actions, st.NotActions, st.Resources, st.NotResources, st.Unclear)
	for i := range st.Conditions {
		c := &st.Conditions[i]
		fmt.Fprintf(&b, " %q %q %q", c.Operator, c.Key, c.Values)
	}
	for _, e := range []*awsiam.Principals{st.Principals, st.NotPrincipals} {
		if e != nil {
			fmt.Fprintf(&b, " %t %q %q %q %q", e.All, e.AWS, e.Service, e.Federated, e.CanonicalUser)
		}
		b.WriteByte(';')
	}
	return b.String()
}

// read notes how a statement tells principals apart.
func (b *bounds) read(st *awsiam.Statement) {
	for _, list := range [][]string{st.Resources, st.NotResources} {
		for _, r := range list {
			rest := strings.ReplaceAll(r, "${aws:username}", "")
			switch {
			case strings.Contains(rest, "${"):
				b.loose = true
			case rest != r:
				b.own = append(b.own, r)
			case r != "*" && mayBePrincipal(r):
				b.patterns = append(b.patterns, r)
			}
		}
	}
	for i := range st.Conditions {
		c := &st.Conditions[i]
		key := strings.ToLower(c.Key)
		switch {
		case key == "aws:username":
			b.single = true
		case slices.ContainsFunc(c.Values, func(v string) bool { return strings.Contains(v, "${") }):
			b.single, b.tags = true, true
		case key == "aws:principalarn":
			b.patterns = append(b.patterns, c.Values...)
		case strings.HasPrefix(key, "aws:principaltag/"), strings.Contains(key, ":resourcetag/"):
			b.tags = true
		}
	}
}

// mayBePrincipal reports whether a resource pattern may name something of IAM's.
func mayBePrincipal(pattern string) bool {
	parts := strings.SplitN(pattern, ":", 4)
	return len(parts) < 4 || parts[2] == "iam" || strings.ContainsAny(parts[2], "*?")
}

// read notes whom a statement of a trust policy may admit. A role session's or
// a federated user's name is no user's or role's.
func (t *trust) read(st *awsiam.Statement) {
	switch e := st.Principals; {
	case st.Effect == awsiam.Deny:
	case e == nil:
		t.open, t.any = true, true
	default:
		t.open, t.any = t.open || e.All, t.any || e.All
		t.services = append(t.services, e.Service...)
		for _, name := range e.AWS {
			switch {
			case name == "*":
				t.open = true
			case len(name) == len("111122223333") && !strings.Contains(name, ":"):
				t.accounts = append(t.accounts, name)
			case strings.HasSuffix(name, ":root"):
				t.accounts = append(t.accounts, account(name))
			default:
				t.named = append(t.named, name)
			}
		}
	}
}
