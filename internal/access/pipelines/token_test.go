package pipelines

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access/glob"
)

// TestFilters holds GitHub's own examples ("Workflow syntax for GitHub Actions",
// patterns to match branches and tags).
func TestFilters(t *testing.T) {
	for _, tt := range []struct {
		patterns     []string
		match, avoid []string
	}{
		{[]string{"feature/*"}, []string{"feature/my-branch", "feature/your-branch"}, []string{"feature/beta-a/my-branch", "feature", "xfeature/a"}},
		{[]string{"feature/**"}, []string{"feature/beta-a/my-branch", "feature/mona/the/octocat"}, []string{"features/x"}},
		{[]string{"main", "releases/mona-the-octocat"}, []string{"main", "releases/mona-the-octocat"}, []string{"mainx", "Main"}},
		{[]string{"*"}, []string{"main", "releases"}, []string{"all/the/branches"}},
		{[]string{"**"}, []string{"all/the/branches", "every/tag"}, nil},
		{[]string{"*feature"}, []string{"mona-feature", "feature", "ver-10-feature"}, []string{"x/feature"}},
		{[]string{"v2*"}, []string{"v2", "v2.0", "v2.9"}, []string{"v1", "v2/x"}},
		{[]string{"v[12].[0-9]+.[0-9]+"}, []string{"v1.10.1", "v2.0.0"}, []string{"v3.0.0", "v1.10"}},
		{[]string{"releases/**", "!releases/**-alpha"}, []string{"releases/10", "releases/beta/mona"}, []string{"releases/10-alpha", "releases/beta/3-alpha"}},
		{[]string{"releases/**", "!releases/**-alpha", "releases/1-alpha"}, []string{"releases/1-alpha"}, []string{"releases/2-alpha"}},
		{[]string{"maine?"}, []string{"main", "maine"}, []string{"mainee"}},
		{[]string{"[unclosed"}, []string{"[unclosed"}, []string{"u"}},
		{[]string{`a\*`}, []string{"a*"}, []string{"ax"}},
	} {
		f := newFilters(tt.patterns)
		for _, name := range tt.match {
			if !f.match(name) {
				t.Errorf("%q does not take %q", tt.patterns, name)
			}
		}
		for _, name := range tt.avoid {
			if f.match(name) {
				t.Errorf("%q takes %q", tt.patterns, name)
			}
		}
		// What stands for the filter in the search must cover it.
		for _, name := range tt.match {
			if !strings.ContainsAny(name, "*?[") && !slices.ContainsFunc(f, func(one filter) bool { return covering(one.parts).Match(turned(name)) }) {
				t.Errorf("%q is not covered for %q", name, tt.patterns)
			}
		}
	}
}

// words are the parts that random patterns and names are made of.
var words = []string{"a", "b", "main", "rel", "/", "-", "x"}

func randomName(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(4) {
		b.WriteString(words[r.IntN(len(words))])
	}
	return b.String()
}

func randomPattern(r *rand.Rand, wild string) string {
	var b strings.Builder
	for range 1 + r.IntN(5) {
		if n := r.IntN(len(words) + 3); n < len(words) {
			b.WriteString(words[n])
		} else {
			b.WriteByte(wild[n%len(wild)])
		}
	}
	return b.String()
}

// TestQuotient: a name fits what is left of a pattern behind a text exactly when
// text and name together fit the pattern.
func TestQuotient(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		before, name := "repo:"+randomName(r)+":", randomName(r)
		w := wanted{pattern: randomPattern(r, "*?"), wild: true}
		if r.IntN(2) == 0 {
			w.pattern = before[:r.IntN(len(before)+1)] + w.pattern
		}
		if r.IntN(8) == 0 {
			w.pattern, w.fold = strings.ToUpper(w.pattern), true
		}
		text := before + name
		want := glob.Match(w.pattern, text)
		if w.fold {
			want = glob.Match(strings.ToLower(w.pattern), strings.ToLower(text))
		}
		got := slices.ContainsFunc(w.after(before), func(p glob.Pattern) bool { return p.Match(turned(name)) })
		if got != want || w.fits(text) != want {
			t.Fatalf("%q behind %q and %q: %t, fits %t, want %t", w.pattern, before, name, got, w.fits(text), want)
		}
	}
}

// TestEachIsComplete compares the tokens that are looked at with brute force:
// each has the language's form, and whatever any name of the language fits, one
// of them fits too.
func TestEachIsComplete(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	g := github{issuer: githubIssuer, owner: "acme", name: "shop"}
	for range 300 {
		tr := Trigger{Event: "push"}
		for range 1 + r.IntN(2) {
			if r.IntN(3) > 0 {
				tr.Branches = append(tr.Branches, randomPattern(r, "*"))
			} else {
				tr.BranchesIgnore = append(tr.BranchesIgnore, randomPattern(r, "*"))
			}
		}
		tok := g.token("j", "push")
		tok.Follows[claimSubject], tok.Follows[claimRef] = g.prefix()+"ref:", ""
		tok.Names = tr.refs()
		var want []wanted
		for range 1 + r.IntN(3) {
			p := randomPattern(r, "*?")
			want = append(want, wanted{claim: claimSubject, pattern: "repo:acme/shop:ref:refs/heads/" + p, wild: true},
				wanted{claim: claimRef, pattern: "refs/heads/" + randomPattern(r, "*"), wild: true}, wanted{claim: claimRef, pattern: "refs/heads/" + randomName(r)})
		}
		seen := map[string]bool{}
		ok := tok.each(want, func(c Claims) bool {
			if !tok.Names.accept(c[claimRef]) || c[claimSubject] != "repo:acme/shop:ref:"+c[claimRef] {
				t.Fatalf("%+v has the token %v", tr, c)
			}
			seen[signature(want, c)] = true
			return true
		})
		if !ok {
			continue
		}
		for range 200 {
			ref := branches + randomName(r)
			if !tok.Names.accept(ref) {
				continue
			}
			c := Claims{claimRef: ref, claimSubject: "repo:acme/shop:ref:" + ref}
			if !seen[signature(want, c)] {
				t.Fatalf("%+v: %s fits %s of %+v, and no token that was looked at does", tr, ref, signature(want, c), want)
			}
		}
	}
}

func signature(want []wanted, c Claims) string {
	var b strings.Builder
	for _, w := range want {
		fmt.Fprintf(&b, "%t ", w.fits(c[w.claim]))
	}
	return b.String()
}

// FuzzDefinition reads hostile definitions and makes their tokens.
func FuzzDefinition(f *testing.F) {
	for _, d := range []Definition{workflow(nil), {System: systemGitLab, Repository: "gitlab.com/a/b", File: ".gitlab-ci.yml",
		Jobs: []Job{{Name: "a", IDTokens: []IDToken{{Name: "T", Audiences: []string{"x"}}}}}}} {
		text, err := json.Marshal(d)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), "repo:acme/shop:*")
	}
	f.Fuzz(func(t *testing.T, document, pattern string) {
		d, err := Parse(document)
		if err != nil {
			return
		}
		want := []wanted{{claim: claimSubject, pattern: pattern, wild: true}, {claim: claimRef, pattern: pattern}}
		tokens := d.Tokens(func(string) *Definition { return d })
		for i := range tokens[:min(len(tokens), 20)] {
			tokens[i].each(want, func(c Claims) bool {
				if s, ok := c[claimSubject]; ok && strings.ContainsAny(s, ownerMark+repositoryMark) && !strings.ContainsAny(document, ownerMark+repositoryMark) &&
					!strings.Contains(document, `\u000`) && !strings.ContainsAny(pattern, ownerMark+repositoryMark) {
					t.Errorf("a mark is left in %q", s)
				}
				return true
			})
		}
	})
}

// FuzzFilter compiles hostile filters.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{"**/x", "[a-", "v[0-9]+?", "!", `\`, "a+*?", "[]", "[^a]"} {
		f.Add(s, "main")
	}
	f.Fuzz(func(_ *testing.T, pattern, name string) {
		if len(pattern) > 200 {
			return
		}
		one := newFilter(pattern)
		newFilters([]string{pattern}).match(name)
		covering(one.parts).Match(name)
	})
}

// FuzzExpression compiles and evaluates hostile expressions of providers.
func FuzzExpression(f *testing.F) {
	e, err := newExpressions()
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{"assertion.sub", "assertion.ref == 'x' && attribute.y.startsWith('z')", "assertion.sub.extract('a{b}c')", "[1].map(x, x)"} {
		f.Add(s)
	}
	t := Token{Fixed: map[string]string{"repository": "acme/shop"}}
	f.Fuzz(func(_ *testing.T, text string) {
		x := e.compile(text)
		vars := map[string]any{"assertion": assertion(&t, Claims{claimSubject: "s"}), "attribute": map[string]any{}, "google": map[string]any{}}
		x.eval(vars)
		x.holds(vars)
	})
}
