package rules

import (
	"maps"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// activation gives CEL the variables of one subject. It belongs to one
// evaluation and one goroutine.
type activation struct {
	s       *Subject
	granted *Granted
	excess  *Excess
	tags    map[string]string
	paths   []string
}

func newActivation(s *Subject) *activation { return &activation{s: s} }

// Parent implements cel.Activation.
func (*activation) Parent() cel.Activation { return nil }

// ResolveName implements cel.Activation.
func (a *activation) ResolveName(name string) (any, bool) {
	s := a.s
	switch name {
	case "kind":
		return string(s.Kind), true
	case "name":
		return s.title(), true
	case "ref":
		return &s.Ref, true
	case "now":
		return s.Now, true
	case "identity":
		return orEmpty(s.Identity), true
	case "credential":
		return orEmpty(s.Credential), true
	case "resource":
		return orEmpty(s.Resource), true
	case "trust":
		return orEmpty(s.Trust), true
	case "source":
		return orEmpty(s.Source), true
	case "registration":
		return orEmpty(s.Registration), true
	case "owner":
		return orEmpty(s.Owner), true
	case "usage":
		return orEmpty(s.Usage), true
	case "counts":
		return &s.Counts, true
	case "labels":
		return &s.Labels, true
	}
	return a.list(name)
}

func (a *activation) list(name string) (any, bool) {
	s := a.s
	switch name {
	case "credentials":
		return s.Credentials, true
	case "placements":
		return s.Placements, true
	case "attachments":
		return s.Attachments, true
	case "memberships":
		return s.Memberships, true
	case "grants":
		return s.Grants, true
	case "trusts":
		return s.Trusts, true
	case "uses":
		return s.Uses, true
	case "ownerSignals":
		return s.OwnerSignals, true
	case "containers":
		return s.Containers, true
	case "knownTo":
		return s.KnownTo, true
	case "runners":
		return s.Runners, true
	case "exposure":
		return string(exposure(s)), true
	case "lastUse":
		return s.lastUse(), true
	case "neverUsed":
		return s.neverUsed(), true
	case "access":
		if a.granted == nil {
			a.granted = granted(s.Attachments)
			if e := s.Access; e != nil && e.Judged() {
				a.granted.Judged, a.granted.Administrator, a.granted.engine = true, e.Administrator(), e
			}
		}
		return a.granted, true
	case "excess":
		if a.excess == nil {
			a.excess = new(Excess)
			if e := s.Access; e != nil && e.Judged() {
				*a.excess = e.Excess()
			}
		}
		return a.excess, true
	case "tags":
		if a.tags == nil {
			a.tags = tags(s)
		}
		return a.tags, true
	case "paths":
		if a.paths == nil {
			a.paths = paths(s)
		}
		return a.paths, true
	}
	return nil, false
}

// title is what to call the subject in a sentence. A secret that was found
// somewhere has no name of its own: it is called by what it is and where it lies.
func (s *Subject) title() string {
	c := s.Credential
	if s.Kind != OverCredential || c == nil || c.Name != "" || s.Name != "" && s.Name != s.Ref.Key {
		return s.Name
	}
	what := c.Subtype
	if what == "" {
		what = noun(string(c.Kind))
	}
	for i := range s.Placements {
		if p := &s.Placements[i].Place; p.Path != "" {
			return what + " in " + p.Path
		}
	}
	return what
}

// orEmpty gives what is not there as empty, so that rules need no null checks.
func orEmpty[T any](p *T) *T {
	if p == nil {
		return new(T)
	}
	return p
}

// lastUse is the latest use that a field of a source or a log tells of.
func (s *Subject) lastUse() time.Time {
	t := lastUse(allUses(s))
	if s.Usage != nil && s.Usage.LastUsed.After(t) {
		return s.Usage.LastUsed
	}
	return t
}

// neverUsed reports whether a source says so, and neither another nor a log says
// otherwise.
func (s *Subject) neverUsed() bool {
	return neverUsed(allUses(s)) && (s.Usage == nil || s.Usage.LastUsed.IsZero())
}

// allUses are the uses of a subject and of its credentials.
func allUses(s *Subject) []retinue.Use {
	uses := slices.Clip(s.Uses)
	for i := range s.Credentials {
		uses = append(uses, s.Credentials[i].Uses...)
	}
	return uses
}

// granted merges the summaries of what grants.
func granted(attached []AttachedPolicy) *Granted {
	var g Granted
	var free, within access.Summary
	for i := range attached {
		a := &attached[i]
		switch a.Role {
		case retinue.AttachIdentity, retinue.AttachGroup, retinue.AttachResource:
			g.Policies++
			if a.Within.IsZero() {
				free = access.Merge(free, a.Summary)
			} else {
				within = access.Merge(within, a.Summary)
			}
		case retinue.AttachBoundary, retinue.AttachSession:
			g.HasBoundary = true
		case retinue.AttachDeny:
			g.HasDeny = true
		}
	}
	all := access.Merge(free, within)
	g.Admin, g.AdminWithin = free.Admin, within.Admin
	g.Escalates, g.EscalatesWithin = free.Escalates, within.Escalates
	g.Wildcard, g.WildcardActions, g.WildcardResources = all.Wildcard, all.WildcardActions, free.WildcardResources
	g.ReadsSecrets, g.Writes, g.Services = all.ReadsSecrets, all.Writes, all.Services
	g.Conditional, g.HasDeny = all.Conditional, g.HasDeny || all.HasDeny
	return &g
}

// tags merges the labels of the subject and its containers; the nearest wins.
func tags(s *Subject) map[string]string {
	out := map[string]string{}
	add := func(labels map[string]string) {
		for _, k := range slices.Sorted(maps.Keys(labels)) {
			if low := strings.ToLower(k); out[low] == "" {
				out[low] = labels[k]
			}
		}
	}
	if s.Credential != nil {
		add(s.Credential.Labels)
	}
	if s.Resource != nil {
		add(s.Resource.Labels)
	}
	if s.Identity != nil {
		add(s.Identity.Labels)
	}
	for i := range s.Containers {
		add(s.Containers[i].Labels)
	}
	return out
}

func paths(s *Subject) []string {
	out := []string{}
	for i := range s.Placements {
		out = append(out, s.Placements[i].Place.Path)
	}
	if s.Identity != nil {
		for _, p := range s.Identity.Declared {
			out = append(out, p.Path)
		}
	}
	if s.Resource != nil {
		for _, p := range s.Resource.Declared {
			out = append(out, p.Path)
		}
	}
	return out
}

// exposure returns the widest known exposure of a subject: of the places of a
// credential, of what a resource says, of who a trust admits.
func exposure(s *Subject) retinue.Exposure {
	wide := retinue.Exposure("")
	widen := func(e retinue.Exposure) {
		if exposureRank(e) > exposureRank(wide) {
			wide = e
		}
	}
	for i := range s.Placements {
		if s.Kind == OverCredential && !s.Placements[i].Reference {
			widen(s.Placements[i].Exposure)
		}
	}
	if s.Resource != nil && s.Resource.Public {
		widen(retinue.ExposurePublic)
	}
	trusts := s.Trusts
	if s.Trust != nil {
		trusts = append(slices.Clip(trusts), *s.Trust)
	}
	for i := range trusts {
		switch {
		case trusts[i].Kind == retinue.TrusteeAnyone:
			widen(retinue.ExposurePublic)
		case trusts[i].ThirdParty, trusts[i].Kind == retinue.TrusteeFederated:
			widen(retinue.ExposureWorld)
		case trusts[i].Kind == retinue.TrusteeAccount:
			widen(retinue.ExposureGroup)
		}
	}
	for i := range s.Runners {
		if s.Runners[i].Public {
			widen(retinue.ExposureWorld)
		}
	}
	return wide
}

func exposureRank(e retinue.Exposure) int {
	return slices.Index([]retinue.Exposure{"", retinue.ExposureOwner, retinue.ExposureGroup, retinue.ExposureWorld,
		retinue.ExposurePublic}, e)
}
