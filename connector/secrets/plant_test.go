package secrets

import (
	"math/rand/v2"
	"regexp/syntax"
	"strings"
)

// plant makes a text that holds a match of a rule, generated from the rule's own
// expression, with a keyword of the rule and neighbours that vary.
func plant(rnd *rand.Rand, r *rule, round int) (text, path string) {
	tree, err := syntax.Parse(r.expr.String(), syntax.Perl)
	if err != nil {
		panic(err)
	}
	var b strings.Builder
	before := []string{"", "\n", "x = ", "// ", "  - ", "export ", "a,b;", "\"", "line one\nline two "}
	b.WriteString(before[round%len(before)])
	if len(r.keywords) > 0 && rnd.IntN(2) == 0 {
		b.WriteString("# " + r.keywords[rnd.IntN(len(r.keywords))] + "\n")
	}
	generate(&b, rnd, tree)
	after := []string{"", "\n", " ", "\"", "';", "\nnext = 1\n", " tail", "\r\n"}
	b.WriteString(after[rnd.IntN(len(after))])
	if len(r.keywords) > 0 && rnd.IntN(4) > 0 {
		b.WriteString("\n# " + r.keywords[0] + "\n")
	}
	switch {
	case strings.Contains(r.id, "hashicorp-tf"):
		path = "infra/main.tf"
	case strings.Contains(r.id, "kubernetes"):
		path = "k8s/secret.yaml"
	case strings.Contains(r.id, "nuget"):
		path = "src/nuget.config"
	case strings.Contains(r.id, "freemius"):
		path = "wp/plugin.php"
	case round%3 == 0:
		path = "config/app.env"
	}
	return b.String(), path
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
