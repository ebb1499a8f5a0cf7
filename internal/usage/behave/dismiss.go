package behave

import "github.com/retinue-id/retinue"

// Dismissal is what people said is all right: signals of a kind about a subject,
// and about the network, client, consumer and action that are set. An empty
// field stands for any.
type Dismissal struct {
	Kind     Kind        `json:"kind"`
	Subject  retinue.Ref `json:"subject,omitzero"`
	Network  string      `json:"network,omitempty"`
	Agent    string      `json:"agent,omitempty"`
	Consumer string      `json:"consumer,omitempty"`
	Action   string      `json:"action,omitempty"`
	// What is set of signals that are about one day, hour or pair of places only.
	What string `json:"what,omitempty"`
}

// Learn makes of a signal that a person dismissed what silences those like it.
// A signal about a place silences that place and client, whatever is done from
// there; one about a deed silences the deed from that place; one about a day's
// volume silences that day, so that dismissing one surge hides no other.
func Learn(s Signal) Dismissal {
	d := Dismissal{Kind: s.Kind, Subject: s.Subject}
	switch s.Kind {
	case FirstNetwork, HumanUse, TombstoneUse:
		d.Network, d.Agent, d.Consumer = s.Consumer.Network, s.Consumer.Agent, s.Consumer.Name
	case FirstAgent:
		d.Agent, d.Consumer = s.Consumer.Agent, s.Consumer.Name
	case FirstAction, FirstService, FirstRegion, DeniedBurst, LoggingDisabled, PrivilegeEdit, Exposure:
		d.Network, d.Agent, d.Consumer, d.Action = s.Consumer.Network, s.Consumer.Agent, s.Consumer.Name, s.Action
	case Volume, TwoPlaces:
	}
	if d.Network == "" && d.Agent == "" && d.Consumer == "" && d.Action == "" {
		d.What = s.What
	}
	return d
}

// general is of how many subjects the same must have been dismissed to be
// silenced for all.
const general = 3

// Silences reports whether a signal is like one that people dismissed.
func Silences(dismissed []Dismissal, s Signal) bool { return silencer(dismissed).silences(&s) }

// silencer silences signals.
type silencer []Dismissal

// silences reports whether a signal is like one that was dismissed. What was
// dismissed of three subjects from one network with one client is silenced for
// every subject, unless it is about what must never pass unseen.
func (l silencer) silences(s *Signal) bool {
	others := map[retinue.Ref]bool{}
	for _, d := range l {
		if d.Kind != s.Kind || !d.about(s) {
			continue
		}
		if d.Subject.IsZero() || d.Subject == s.Subject {
			return true
		}
		if d.Network != "" && d.What == "" {
			others[d.Subject] = true
		}
	}
	switch s.Kind {
	case TombstoneUse, LoggingDisabled, PrivilegeEdit, Exposure:
		return false
	}
	return len(others) >= general
}

// about reports whether a dismissal's place and deed are those of a signal.
func (d *Dismissal) about(s *Signal) bool {
	is := func(want, got string) bool { return want == "" || want == got }
	return is(d.Network, s.Consumer.Network) && is(d.Agent, s.Consumer.Agent) && is(d.Consumer, s.Consumer.Name) && is(d.Action, s.Action) &&
		is(d.What, s.What)
}
