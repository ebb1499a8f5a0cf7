package cli

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue/internal/app"
	"github.com/retinue-id/retinue/internal/usage"
	"github.com/retinue-id/retinue/internal/usage/verdict"
)

// outlook says how sure it is that it has stopped, and when it is called dormant if
// it stays silent.
func outlook(u app.UsageAnswer) string {
	var parts []string
	if u.Verdict == verdict.StatusIdle && u.Confidence > 0 {
		parts = append(parts, fmt.Sprintf("%.3g %% sure that it has stopped", 100*u.Confidence))
	}
	if !u.DormantOn.IsZero() {
		text := "dormant on " + day(u.DormantOn) + " if it stays silent"
		switch {
		case u.DormantConfidence > 0:
			text += fmt.Sprintf(" (%.3g %% sure)", 100*u.DormantConfidence)
		case u.WindowTooShort:
			text += ", by the limit of the installation: its history is too short to be surer"
		default:
			text += ", by the limit of the installation"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// showSharing tells who shares it.
func (e *env) showSharing(how string, x *usage.Sharing) {
	if x == nil {
		return
	}
	section(e, fmt.Sprintf("%s from %s to %s", how, day(x.From), day(x.To)), x.Consumers, func(c usage.Sharer) string {
		return fmt.Sprintf("%s %s: on %d days, %s to %s", c.Kind, c.Name, c.Days, day(c.First), day(c.Last))
	})
}

// changeWords say what changed about a consumer.
func changeWords(c usage.Change) string {
	if c.What == "network" {
		return fmt.Sprintf("moved from %s to %s on %s", c.From, c.To, day(c.At))
	}
	return fmt.Sprintf("%s in place of %s since %s", c.To, c.From, day(c.At))
}
