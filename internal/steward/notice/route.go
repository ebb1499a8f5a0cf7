package notice

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// The targets that stand for whoever answers for the subject.
const (
	ToOwner       = "owner"
	ToBackupOwner = "backup-owner"
	ToTeamLead    = "team-lead"
)

// Target is where a route sends: a channel, and within it whoever the address
// names.
type Target struct {
	Channel retinue.ChannelID `json:"channel" doc:"the id of a channel"`
	// Address is empty for the channel's own receiver, one of owner,
	// backup-owner and team-lead, or an address that the channel understands.
	Address string `json:"address,omitempty" doc:"empty for the channel's own receiver; owner, backup-owner or team-lead for whoever answers for the subject; or an address that the channel understands (e-mail address, Slack channel)"`
}

// Match selects notices. What is empty does not limit; what is not must match
// in one of its values.
type Match struct {
	Severity     retinue.Severity      `json:"severity,omitempty" enum:"critical,high,medium,low,info" doc:"at least"`
	Kinds        []Kind                `json:"kinds,omitempty"`
	Owners       []string              `json:"owners,omitempty" doc:"registered owners, with or without a leading @"`
	Unowned      bool                  `json:"unowned,omitempty" doc:"takes only what nobody owns"`
	Tags         []string              `json:"tags,omitempty" doc:"key=value, or key alone"`
	Sources      []string              `json:"sources,omitempty"`
	Environments []retinue.Environment `json:"environments,omitempty"`
}

// Step is one step of an escalation.
type Step struct {
	AfterMinutes int      `json:"afterMinutes" minimum:"1" maximum:"129600" doc:"minutes after the notice was raised"`
	To           []Target `json:"to" minItems:"1" maxItems:"20"`
}

// Route is a rule of who is told what.
type Route struct {
	ID      retinue.RouteID `json:"-"`
	Enabled bool            `json:"-"`
	Match   Match           `json:"match"`
	To      []Target        `json:"to" minItems:"1" maxItems:"20"`
	// Continue has the routes after this one asked too.
	Continue bool `json:"continue,omitempty" doc:"ask the routes after this one too; otherwise the first that takes a notice is the last"`
	// WindowMinutes is how long the same cause is not told again to who was
	// told; 0 means a day.
	WindowMinutes int    `json:"windowMinutes,omitempty" minimum:"0" maximum:"525600" doc:"for how long the same cause is not told again; 0 means a day"`
	Escalate      []Step `json:"escalate,omitempty" maxItems:"10" doc:"who is told when nobody acknowledges"`
}

// window is how long the same cause is not told again.
func (r Route) window() time.Duration {
	if r.WindowMinutes <= 0 {
		return 24 * time.Hour
	}
	return time.Duration(r.WindowMinutes) * time.Minute
}

// Validate reports what is wrong with a route. Known reports the channels that
// there are.
func (r Route) Validate(known func(retinue.ChannelID) bool) error {
	bad := func(field, format string, args ...any) error {
		return fmt.Errorf("%w: route: %s: %s", retinue.ErrInvalid, field, fmt.Sprintf(format, args...))
	}
	for i, k := range r.Match.Kinds {
		if !Known(k) {
			return bad(fmt.Sprintf("match.kinds[%d]", i), "no kind of notice is called %q", k)
		}
	}
	if s := r.Match.Severity; s != "" && !slices.Contains(retinue.Severities(), s) {
		return bad("match.severity", "%q is no severity", s)
	}
	if r.Match.Unowned && len(r.Match.Owners) > 0 {
		return bad("match.unowned", "nothing is without an owner and of these owners")
	}
	if len(r.To) == 0 {
		return bad("to", "name at least one channel")
	}
	if err := checkTargets("to", r.To, known); err != nil {
		return err
	}
	last := 0
	for i, s := range r.Escalate {
		field := fmt.Sprintf("escalate[%d]", i)
		if s.AfterMinutes <= last {
			return bad(field+".afterMinutes", "each step comes later than the one before, and the first after a minute at least")
		}
		last = s.AfterMinutes
		if len(s.To) == 0 {
			return bad(field+".to", "name at least one channel")
		}
		if err := checkTargets(field+".to", s.To, known); err != nil {
			return err
		}
	}
	return nil
}

func checkTargets(field string, to []Target, known func(retinue.ChannelID) bool) error {
	for i, t := range to {
		if !known(t.Channel) {
			return fmt.Errorf("%w: route: %s[%d].channel: there is no channel %q", retinue.ErrInvalid, field, i, t.Channel)
		}
		if len(t.Address) > 320 || retinue.CleanName(t.Address) != t.Address {
			return fmt.Errorf("%w: route: %s[%d].address: too long, or with control characters", retinue.ErrInvalid, field, i)
		}
	}
	return nil
}

func (m Match) takesKind(k Kind) bool { return len(m.Kinds) == 0 || slices.Contains(m.Kinds, k) }

func (m Match) takesSeverity(s retinue.Severity) bool {
	return m.Severity == "" || s.AtLeast(m.Severity)
}

func (m Match) takes(s Subject) bool {
	same := func(a string) func(string) bool { return func(b string) bool { return fold(a) == fold(b) } }
	switch {
	case !m.takesKind(s.Kind), !m.takesSeverity(s.Severity),
		m.Unowned && s.Owner != "",
		len(m.Owners) > 0 && !slices.ContainsFunc(m.Owners, same(s.Owner)),
		len(m.Sources) > 0 && !slices.Contains(m.Sources, s.Source),
		len(m.Environments) > 0 && !slices.Contains(m.Environments, s.Environment):
		return false
	}
	return len(m.Tags) == 0 || slices.ContainsFunc(m.Tags, func(want string) bool {
		return slices.ContainsFunc(s.Tags, func(have string) bool {
			return want == have || !strings.Contains(want, "=") && strings.HasPrefix(have, want+"=")
		})
	})
}

func fold(owner string) string {
	return strings.ToLower(strings.TrimPrefix(strings.TrimSpace(owner), "@"))
}

// resolve turns targets into receivers; those that name nobody are skipped.
func resolve(r Route, to []Target, s Subject, d Directory) (tells []Tell, skips []Skip) {
	for _, t := range to {
		address, reason := s.address(t.Address, d)
		if reason != "" {
			skips = append(skips, Skip{Route: r.ID, Target: t, Reason: reason})
			continue
		}
		tells = append(tells, Tell{Receiver: Receiver{Channel: t.Channel, Address: address}, Route: r.ID})
	}
	return tells, skips
}

// address finds whom a target's address names.
func (s Subject) address(word string, d Directory) (address, reason string) {
	who := ""
	switch word {
	case ToOwner:
		who, reason = s.Owner, "it has no owner"
	case ToBackupOwner:
		who, reason = s.BackupOwner, "it has no backup owner"
	case ToTeamLead:
		reason = "nobody is known to lead the team of the owner"
		if s.Owner != "" && d.Lead != nil {
			who = d.Lead(s.Owner)
		}
	default:
		return word, ""
	}
	if who == "" {
		return "", reason
	}
	if a, err := mail.ParseAddress(who); err == nil && a.Address == who {
		return who, ""
	}
	if d.Address != nil {
		if a := d.Address(who); a != "" {
			return a, ""
		}
	}
	return "", "no address of " + strings.TrimPrefix(word, "backup-") + " is known" // the name itself stays out of logs
}
