// Package secretstest makes texts with values that secret detectors find,
// from the detectors' own expressions, when a test runs. Nothing that looks
// like a secret is kept in a file.
package secretstest

import (
	"fmt"
	"math/rand/v2"
	"regexp/syntax"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/zricethezav/gitleaks/v8/config"
)

// Rule is a rule of gitleaks' built-in pack, as far as planting needs it.
type Rule struct {
	ID       string   `toml:"id"`
	Regex    string   `toml:"regex"`
	Keywords []string `toml:"keywords"`
}

// Rules returns the rules of gitleaks' built-in pack that have an expression.
func Rules() ([]Rule, error) {
	var file struct {
		Rules []Rule `toml:"rules"`
	}
	if err := toml.Unmarshal([]byte(config.DefaultConfig), &file); err != nil {
		return nil, fmt.Errorf("read gitleaks' rules: %w", err)
	}
	out := file.Rules[:0]
	for _, r := range file.Rules {
		if r.Regex != "" {
			out = append(out, r)
		}
	}
	return out, nil
}

// Plant makes a text that holds a match of a rule, mostly with a keyword of the
// rule and with neighbours that vary by round, and a path at which the rule
// looks. A rule's entropy limit or allowlist can still refuse the value: plant
// again.
func Plant(rnd *rand.Rand, r Rule, round int) (text, path string) {
	tree, err := syntax.Parse(r.Regex, syntax.Perl)
	if err != nil {
		return "", ""
	}
	var b strings.Builder
	before := []string{"", "\n", "x = ", "// ", "  - ", "export ", "a,b;", "\"", "line one\nline two "}
	b.WriteString(before[round%len(before)])
	if len(r.Keywords) > 0 && rnd.IntN(2) == 0 {
		b.WriteString("# " + r.Keywords[rnd.IntN(len(r.Keywords))] + "\n")
	}
	generate(&b, rnd, tree)
	after := []string{"", "\n", " ", "\"", "';", "\nnext = 1\n", " tail", "\r\n"}
	b.WriteString(after[rnd.IntN(len(after))])
	if len(r.Keywords) > 0 && rnd.IntN(4) > 0 {
		b.WriteString("\n# " + r.Keywords[0] + "\n")
	}
	return b.String(), pathFor(r.ID, round)
}

func pathFor(id string, round int) string {
	switch {
	case strings.Contains(id, "hashicorp-tf"):
		return "infra/main.tf"
	case strings.Contains(id, "kubernetes"):
		return "k8s/secret.yaml"
	case strings.Contains(id, "nuget"):
		return "src/nuget.config"
	case strings.Contains(id, "freemius"):
		return "wp/plugin.php"
	case round%3 == 0:
		return "config/app.env"
	}
	return ""
}

// generate writes a string that the expression matches, assertions aside.
func generate(b *strings.Builder, rnd *rand.Rand, re *syntax.Regexp) {
	times := func(lo, hi int) {
		if hi < 0 {
			hi = lo + 6
		}
		for range lo + rnd.IntN(hi-lo+1) {
			generate(b, rnd, re.Sub[0])
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		for _, c := range re.Rune {
			if re.Flags&syntax.FoldCase != 0 && rnd.IntN(2) == 0 {
				c = []rune(strings.ToLower(string(c)))[0]
			}
			b.WriteRune(c)
		}
	case syntax.OpCharClass:
		b.WriteRune(pick(rnd, re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte("abcXYZ 019_-/"[rnd.IntN(13)])
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			generate(b, rnd, sub)
		}
	case syntax.OpAlternate:
		generate(b, rnd, re.Sub[rnd.IntN(len(re.Sub))])
	case syntax.OpStar:
		times(0, -1)
	case syntax.OpPlus:
		times(1, -1)
	case syntax.OpQuest:
		times(0, 1)
	case syntax.OpRepeat:
		times(re.Min, re.Max)
	}
}

// pick takes an ASCII character of a class where there is one, mostly printable.
func pick(rnd *rand.Rand, class []rune) rune {
	var in []rune
	for i := 0; i+1 < len(class); i += 2 {
		for c := class[i]; c <= class[i+1] && c < 0x7f; c++ {
			if c >= ' ' || class[len(class)-1] < ' ' {
				in = append(in, c)
			}
		}
	}
	if len(in) == 0 {
		return class[0]
	}
	return in[rnd.IntN(len(in))]
}
