package behave

import (
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/rhythm"
)

// Kind says what was noticed.
type Kind string

// The kinds of signal.
const (
	FirstAction     Kind = "first_action"
	FirstService    Kind = "first_service"
	FirstRegion     Kind = "first_region"
	FirstNetwork    Kind = "first_network"
	FirstAgent      Kind = "first_agent"
	Volume          Kind = "volume"
	DeniedBurst     Kind = "denied_burst"
	TwoPlaces       Kind = "two_places"
	HumanUse        Kind = "human_use"
	TombstoneUse    Kind = "tombstone_use"
	LoggingDisabled Kind = "logging_disabled"
	PrivilegeEdit   Kind = "privilege_edit"
	Exposure        Kind = "exposure"
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{FirstAction, FirstService, FirstRegion, FirstNetwork, FirstAgent, Volume, DeniedBurst, TwoPlaces, HumanUse, TombstoneUse,
		LoggingDisabled, PrivilegeEdit, Exposure}
}

// Subject is the identity or credential whose behaviour is looked at.
type Subject struct {
	Ref  retinue.Ref
	Kind retinue.IdentityKind
	// Person is true of a person's identity, which works like a human by right.
	Person bool
	// Privileged is true of what can administer its system: less is borne of it.
	Privileged bool
	// State and Credential are what its source says of it now; empty where it says
	// nothing.
	State      retinue.State
	Credential retinue.CredentialState
	// DeadSince is when it was retired, disabled or revoked. Zero where only its
	// present state is known: then its last success shows until when it worked.
	DeadSince time.Time
	// Since is from when on logs would show what it does: the later of the logs'
	// beginning and its own. Zero: from its first use.
	Since time.Time
	// Rhythm is its class of rhythm, empty where none was learned.
	Rhythm rhythm.Class
	// Deeds are what it did to identities, credentials, resources and logs.
	Deeds []Deed
}

// Deed is what a subject did to something that governance is about, as the store
// counts touches: by kind, target and behaviour.
type Deed struct {
	Kind      retinue.TouchKind
	Target    retinue.Ref
	Behaviour store.BehaviourHash
	N         int64
	First     time.Time
	Last      time.Time
}

// Signal is one thing that was noticed.
type Signal struct {
	Kind     Kind             `json:"kind"`
	Severity retinue.Severity `json:"severity"`
	Subject  retinue.Ref      `json:"subject"`
	// First and Last are when, in UTC.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// What is the thing that was new or too much: an action, a network, a day.
	What string `json:"what"`
	// Also are the further kinds that are right about the same use.
	Also []Kind `json:"also,omitempty"`
	// Sentence says who did what from where, against what was usual.
	Sentence string `json:"sentence"`
	// Compared is what it was held against.
	Compared Comparison `json:"compared"`
	// Consumer and Action are those of the use, as far as it has one only.
	Consumer store.Consumer `json:"consumer,omitzero"`
	Action   string         `json:"action,omitempty"`
	// Count is how many events are behind it, and Behaviours in which ways of use,
	// at most MaxBehaviours of them.
	Count      int64                 `json:"count"`
	Behaviours []store.BehaviourHash `json:"-"`
	// Fingerprint names the signal: the same for the same subject, kind and What,
	// whenever it is computed.
	Fingerprint string `json:"fingerprint"`
}

// MaxBehaviours is how many behaviours a signal names, and MaxSignals how many
// signals are found about one subject; the words of a caller can make no more.
const (
	MaxBehaviours = 32
	MaxSignals    = 200
)

// Comparison is a baseline: what the subject did before.
type Comparison struct {
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
	// Days are on how many days it acted in that time.
	Days int `json:"days,omitempty"`
	// Usual are the values that were usual, at most ten.
	Usual []string `json:"usual,omitempty"`
	// Median, Deviation and Highest are counts by day or hour: the median, the
	// median absolute deviation from it, and the most.
	Median    float64 `json:"median,omitempty"`
	Deviation float64 `json:"deviation,omitempty"`
	Highest   int64   `json:"highest,omitempty"`
}

// Options say what to look at.
type Options struct {
	// From and To bound the signals by their First: the uses before From are
	// baseline only. Zero: no bound.
	From time.Time
	To   time.Time
	// Learn is how long a subject is watched before new things are told; the
	// default is [DefaultLearn].
	Learn time.Duration
	// MinDays is on how many days it must have acted by then; the default is
	// [DefaultMinDays].
	MinDays int
	// Zones are those in whose office hours people work. The default is
	// rhythm.DefaultZones, which are all round the world: with those of the
	// installation alone, fewer strangers look like colleagues.
	Zones []*time.Location
	// Peers is what others do; what is usual among them is told with a lower
	// severity. Nil: nothing is known of others.
	Peers *Peers
	// Dismissed are signals that people said are all right.
	Dismissed []Dismissal
	// Mask is what a sentence calls a network, consumer or identity. Nil: its name.
	Mask func(dimension, value string) string
}

// The defaults of Options.
const (
	DefaultLearn   = 14 * 24 * time.Hour
	DefaultMinDays = 5
)

func (o Options) withDefaults() Options {
	if o.Learn <= 0 {
		o.Learn = DefaultLearn
	}
	if o.MinDays <= 0 {
		o.MinDays = DefaultMinDays
	}
	if len(o.Zones) == 0 {
		o.Zones = rhythm.DefaultZones()
	}
	if o.Mask == nil {
		o.Mask = func(_, value string) string { return value }
	}
	return o
}

// wants reports whether a signal of that time is asked for.
func (o *Options) wants(at time.Time) bool {
	return (o.From.IsZero() || !at.Before(o.From)) && (o.To.IsZero() || at.Before(o.To))
}

// fingerprint names a signal.
func fingerprint(s *Signal) string {
	return store.SignalFingerprint(s.Subject, string(s.Kind), s.What)
}

// Detect returns what is worth telling of a subject's use, sorted by time and
// kind.
func Detect(s Subject, used []store.Used, o Options) []Signal { return Replay(used).Detect(s, o) }

// Detect does what the function of that name does.
func (h *History) Detect(s Subject, o Options) []Signal {
	o = o.withDefaults()
	d := &detector{subject: s, options: o, history: h}
	d.dead()
	d.novelties()
	d.places()
	d.human()
	d.denied()
	d.volume()
	d.deeds()
	d.weigh()
	out := d.merged()
	slices.SortFunc(out, func(a, b Signal) int {
		if c := a.First.Compare(b.First); c != 0 {
			return c
		}
		return compareKinds(a.Kind, b.Kind)
	})
	return out
}

// detector collects the signals of one subject.
type detector struct {
	subject Subject
	options Options
	history *History
	found   []Signal
}

// add finishes a signal and takes it. Its behaviours are given as observations.
// It reports false where there are MaxSignals already.
func (d *detector) add(s Signal, of []*observation) bool {
	if len(d.found) >= MaxSignals {
		return false
	}
	s.Subject = d.subject.Ref
	for _, x := range of {
		s.take(x)
	}
	s.Fingerprint = fingerprint(&s)
	d.found = append(d.found, s)
	return true
}

// take adds an observation to what is behind a signal.
func (s *Signal) take(x *observation) {
	if s.Count == 0 {
		s.Consumer, s.Action = x.behaviour.Consumer, x.values[dimAction]
		s.First, s.Last = x.first, x.last
	} else {
		if s.Consumer != x.behaviour.Consumer {
			s.Consumer = common(s.Consumer, x.behaviour.Consumer)
		}
		if s.Action != x.values[dimAction] {
			s.Action = ""
		}
		if x.first.Before(s.First) {
			s.First = x.first
		}
		if x.last.After(s.Last) {
			s.Last = x.last
		}
	}
	s.Count += x.n
	if len(s.Behaviours) < MaxBehaviours && !slices.Contains(s.Behaviours, x.hash) {
		s.Behaviours = append(s.Behaviours, x.hash)
	}
}

// common is what two consumers have in common.
func common(a, b store.Consumer) store.Consumer {
	if a.Kind != b.Kind || a.Name != b.Name {
		a.Kind, a.Name, a.Workload = "", "", retinue.Ref{}
	}
	if a.Network != b.Network {
		a.Network = ""
	}
	if a.Agent != b.Agent {
		a.Agent = ""
	}
	return a
}
