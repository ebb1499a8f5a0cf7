package app

import (
	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/inventory"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store"
)

// subjectOf turns a thing of the inventory into what rules ask about.
func subjectOf(t store.Touched, th *inventory.Thing) *rules.Subject {
	s := &rules.Subject{Entity: t.ID, Ref: th.Fact.FactRef(), Uses: th.Uses, Placements: th.Placements, Grants: th.Grants,
		Trusts: th.Trusts, OwnerSignals: th.OwnerSignals, Registration: th.Registration, Containers: th.Containers}
	if len(th.Refs) > 0 {
		s.Ref = th.Refs[0]
	}
	switch f := th.Fact.(type) {
	case retinue.Identity:
		s.Kind, s.Identity, s.Name = rules.OverIdentity, &f, f.Name
		if f.Kind == retinue.IdentityPipeline {
			s.Kind = rules.OverPipeline
		}
	case retinue.Credential:
		s.Kind, s.Credential, s.Identity, s.Name = rules.OverCredential, &f, th.Holder, f.Name
	case retinue.Resource:
		s.Kind, s.Resource, s.Name = rules.OverResource, &f, f.Name
	}
	if s.Name == "" {
		s.Name = s.Ref.Key
	}
	attachTo(s, th)
	s.Owner = ownerOf(th)
	s.Counts = rules.Counts{Holders: th.Holders, SamePublicKey: th.SamePublicKey, Runners: int(th.Counts.Runners)}
	for _, c := range th.Credentials {
		if c.Holders > 1 {
			s.Counts.SharedValues++
		}
	}
	s.FillCounts()
	return s
}

func attachTo(s *rules.Subject, th *inventory.Thing) {
	for _, c := range th.Credentials {
		s.Credentials = append(s.Credentials, rules.HeldCredential{Credential: c.Credential, Placements: c.Placements, Uses: c.Uses})
	}
	for _, a := range th.Attachments {
		p := a.Policy
		s.Attachments = append(s.Attachments, rules.AttachedPolicy{Policy: p.Policy.Ref, Name: p.Policy.Name,
			Language: p.Policy.Language, Managed: p.Policy.Managed, Document: p.Hash, Role: a.Attachment.Role,
			Within: a.Attachment.Within, Summary: p.Summary, Path: a.Path})
	}
	for _, m := range th.Memberships {
		s.Memberships = append(s.Memberships, rules.Member{Membership: m.Membership, Name: m.Name, Path: m.Path})
	}
	for _, r := range th.Runners {
		s.Runners = append(s.Runners, rules.Runner{Ref: r.Ref, Name: r.Name, Kind: r.Kind, Container: r.Container, Public: r.Public})
	}
}

// ownerOf returns who answers for a thing: who is registered, else who the
// strongest signal names.
func ownerOf(th *inventory.Thing) *rules.Owner {
	if r := th.Registration; r != nil && r.Owner != "" {
		return &rules.Owner{Name: r.Owner, From: "registration"}
	}
	strength := map[string]int{"tag": 5, "label": 4, "codeowners": 3, "directory": 2, "creator": 1}
	var best *retinue.OwnerSignal
	for i := range th.OwnerSignals {
		o := &th.OwnerSignals[i]
		if strength[o.Signal] > 0 && (best == nil || strength[o.Signal] > strength[best.Signal]) {
			best = o
		}
	}
	if best == nil {
		return nil
	}
	return &rules.Owner{Name: best.Candidate, From: best.Signal}
}

// trustSubject is a trust of an identity as a subject of its own.
func trustSubject(id *rules.Subject, t retinue.Trust) *rules.Subject {
	return &rules.Subject{Kind: rules.OverTrust, Entity: id.Entity, Ref: t.FactRef(), Name: id.Name + " ← " + t.Name,
		Trust: &t, Identity: id.Identity, Attachments: id.Attachments, Containers: id.Containers, Owner: id.Owner,
		Registration: id.Registration, Uses: id.Uses, Labels: id.Labels, Access: id.Access}
}

// sourceSubject is a source, as its last run saw it.
func sourceSubject(r store.Run) *rules.Subject {
	run := &rules.SourceRun{ID: r.Source.ID, Name: r.Source.Name, Kind: r.Source.Kind, Realm: r.Access.Realm,
		Principal: r.Access.Principal, LastRun: r.StartedAt, Failed: r.State == store.RunFailed, Scopes: len(r.Scopes),
		CouldRead: r.Access.CouldRead, NotCovered: r.Access.NotCovered}
	if r.State == store.RunComplete {
		run.LastComplete = r.FinishedAt
	}
	for _, s := range r.Scopes {
		switch s.State {
		case store.ScopePartial, store.ScopeFailed:
			run.Partial++
		case store.ScopeHeld:
			run.Held++
		}
		run.Problems = append(run.Problems, s.Problems...)
	}
	if r.Error != "" {
		run.Problems = append(run.Problems, r.Error)
	}
	for _, m := range r.Access.Missing {
		run.Missing = append(run.Missing, m.Permission)
	}
	ref := retinue.NewRef(retinue.NewRealm("retinue", "sources"), "source", string(r.Source.ID))
	return &rules.Subject{Kind: rules.OverSource, Ref: ref, Name: r.Source.Name, Source: run}
}
