package behave

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

func (d *detector) name() string { return d.options.Mask("identity", d.subject.Ref.Key) }

func (d *detector) action(x *observation) string {
	a := cmp.Or(x.values[dimAction], string(x.behaviour.Class))
	if x.denied() {
		return a + " (refused)"
	}
	return a
}

// place says from where a use came.
func (d *detector) place(x *observation) string {
	c := &x.behaviour.Consumer
	var parts []string
	if ran(c) || c.Kind == "host" || c.Kind == "application" {
		parts = append(parts, c.Kind+" "+d.options.Mask("consumer", c.Name))
	}
	if c.Network != "" {
		parts = append(parts, d.options.Mask("network", c.Network))
	}
	out := strings.Join(parts, " in ")
	if out == "" {
		out = "an unknown place"
	}
	if c.Agent != "" {
		out += " with " + c.Agent
	}
	return out
}

func (d *detector) usualWords(dim dimension, values []string) string {
	const most = 3
	masked := make([]string, 0, most)
	for _, v := range values[:min(most, len(values))] {
		masked = append(masked, d.options.Mask(dim.word(), v))
	}
	if len(values) > most {
		masked = append(masked, "others")
	}
	return list(masked)
}

func list(parts []string) string {
	switch len(parts) {
	case 0:
		return "nothing"
	case 1:
		return parts[0]
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]
}

func verb(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

func date(t time.Time) string   { return t.UTC().Format("2006-01-02") }
func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }

func compareKinds(a, b Kind) int {
	return slices.Index(Kinds(), a) - slices.Index(Kinds(), b)
}
