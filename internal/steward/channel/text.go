package channel

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
)

// headline is the message in one line.
func (m Message) headline() string {
	if len(m.Items) == 0 {
		return "Retinue: nothing to tell"
	}
	verb := map[Event]string{Escalated: "Nobody has acted: ", Acknowledged: "Acknowledged: ", Resolved: "Resolved: "}[m.Event]
	first := m.Items[0]
	if n := len(m.Items) + m.More; n > 1 {
		return fmt.Sprintf("%s%d notices, worst %s", verb, n, m.worst())
	}
	return fmt.Sprintf("%s[%s] %s", verb, first.Severity, outlet.Clean(first.Title, 200))
}

func (m Message) worst() retinue.Severity {
	worst := retinue.SeverityInfo
	for _, i := range m.Items {
		if i.Severity.AtLeast(worst) {
			worst = i.Severity
		}
	}
	return worst
}

// shown returns the items that are spelled out and how many are not.
func (m Message) shown(limit int) ([]Item, int) {
	if len(m.Items) > limit {
		return m.Items[:limit], m.More + len(m.Items) - limit
	}
	return m.Items, m.More
}

// about says in one line where an item is about.
func (i Item) about() string {
	var parts []string
	for _, p := range []string{i.Subject, i.Source, string(i.Environment)} {
		if p != "" {
			parts = append(parts, outlet.Clean(p, 120))
		}
	}
	return strings.Join(parts, " · ")
}

// plain is the message as plain text.
func (m Message) plain() string {
	var b strings.Builder
	b.WriteString(m.headline() + "\n")
	items, more := m.shown(maxItems)
	for _, i := range items {
		fmt.Fprintf(&b, "\n[%s] %s\n", i.Severity, outlet.Clean(i.Title, 200))
		if i.Text != "" {
			b.WriteString(outlet.Clean(i.Text, 1000) + "\n")
		}
		if a := i.about(); a != "" {
			b.WriteString(a + "\n")
		}
		if i.URL != "" {
			b.WriteString(i.URL + "\n")
		}
	}
	if more > 0 {
		fmt.Fprintf(&b, "\nand %d more: %s\n", more, m.Console)
	}
	return b.String()
}
