package pipelines

import (
	"regexp"
	"strings"

	"github.com/retinue-id/retinue/internal/access/glob"
)

// filter is a pattern of branches or tags of a workflow (GitHub, "Workflow
// syntax for GitHub Actions", filter pattern cheat sheet): * stands for
// characters but slashes, ** for any, ? and + repeat what stands before them,
// brackets hold alternatives, and ! takes names out again.
type filter struct {
	negated bool
	// exact decides; parts make a pattern that fits at least all that it does.
	exact *regexp.Regexp
	parts []element
	// sample is a name that fits, where one is easily made.
	sample string
}

// newFilter compiles a pattern. What is not one matches by its letters.
func newFilter(pattern string) filter {
	f := filter{}
	pattern, f.negated = strings.CutPrefix(strings.ToValidUTF8(pattern, "?"), "!")
	var re, sample strings.Builder
	var cover []element
	re.WriteString("^")
	runes := []rune(pattern)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; r {
		case '*':
			if i+1 < len(runes) && runes[i+1] == '*' {
				i++
				re.WriteString(".*")
				cover = append(cover, element{wild: "*", over: true})
			} else {
				re.WriteString("[^/]*")
				cover = append(cover, element{wild: "*"})
			}
			sample.WriteString("x")
		case '?', '+':
			re.WriteRune(r)
			if n := len(cover); n > 0 {
				cover[n-1] = element{wild: "*", over: true}
			}
		case '[':
			n := strings.IndexRune(string(runes[i:]), ']')
			if n < 2 {
				re.WriteString(`\[`)
				cover = append(cover, element{literal: "["})
				continue
			}
			class := string(runes[i:])[1:n]
			re.WriteString("[" + strings.NewReplacer(`\`, `\\`, "[", `\[`, "^", `\^`).Replace(class) + "]")
			cover = append(cover, element{wild: "?", over: true})
			sample.WriteString(class[:1])
			i += len([]rune(string(runes[i:])[:n]))
		case '\\':
			if i+1 < len(runes) {
				i++
				r = runes[i]
			}
			fallthrough
		default:
			re.WriteString(regexp.QuoteMeta(string(r)))
			cover = append(cover, element{literal: string(r)})
			sample.WriteRune(r)
		}
	}
	re.WriteString("$")
	exact, err := regexp.Compile(re.String())
	if err != nil {
		exact = regexp.MustCompile("^" + regexp.QuoteMeta(pattern) + "$")
		cover = []element{{literal: pattern}}
	}
	f.exact, f.parts, f.sample = exact, cover, sample.String()
	return f
}

// element is a part of a filter as a pattern of package glob, in which slashes
// and colons are exchanged.
type element struct {
	literal, wild string
	over          bool // the wildcard goes over slashes
}

func covering(elements []element) glob.Pattern {
	var p glob.Pattern
	for _, e := range elements {
		switch {
		case e.literal != "":
			p = p.Literal(turned(e.literal))
		case e.over:
			p = p.Wild(e.wild)
		default:
			p = p.Part(e.wild)
		}
	}
	return p
}

// filters are the patterns of one list; the last that matches decides.
type filters []filter

func newFilters(patterns []string) filters {
	out := make(filters, 0, len(patterns))
	for _, p := range patterns {
		out = append(out, newFilter(p))
	}
	return out
}

// match reports whether the list takes a name.
func (f filters) match(name string) bool {
	taken := false
	for _, one := range f {
		if one.exact.MatchString(name) {
			taken = !one.negated
		}
	}
	return taken
}
