package gcp

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/export"
)

const wanted = "want JSON of `gcloud asset export`, `gcloud asset search-all-iam-policies`, `gcloud projects get-iam-policy`, `gcloud iam service-accounts list`, " +
	"`… keys list`, `gcloud iam roles list` or describe, `gcloud iam workload-identity-pools list` or providers list, `gcloud iam policies get`, `gcloud policy-intelligence query-activity`, or `gcloud projects list`"

func open(_ context.Context, cfg connector.Config, env connector.Env) (connector.Connector, error) {
	target := canonicalName(cfg.Option("resource", ""))
	if target != "" && container(target).IsZero() && !strings.HasPrefix(target, "//") {
		return nil, fmt.Errorf("%w: source gcp: option resource=%q: want projects/ID, folders/NUMBER, organizations/NUMBER or a full resource name", retinue.ErrInvalid, retinue.CleanName(target))
	}
	numbers, err := projectNumbers(cfg.List("projects"))
	if err != nil {
		return nil, err
	}
	return &files{env: env, path: export.Target(cfg, env), target: target, numbers: numbers}, nil
}

// files reads exports.
type files struct {
	env     connector.Env
	path    string
	target  string
	numbers map[string]string // of projects that no file explains
}

// Close implements connector.Connector.
func (*files) Close() error { return nil }

// pages are the names under which pages and outputs hold lists.
func pages() []string {
	return []string{"value", "results", "assets", "accounts", "keys", "roles", "workloadIdentityPools", "workloadIdentityPoolProviders", "policies", "projects", "folders", "organizations", "activities"}
}

// survey is what the first reading finds.
type survey struct {
	names    *names
	issuers  map[string]string
	kinds    map[kind]int
	broken   map[string]error
	unknown  []string // files without anything that is known
	homeless []string // policies that name no resource
}

// look reads every file for what later facts need.
func (f *files) look(ctx context.Context, set *export.Set) (*survey, error) {
	s := &survey{names: &names{ids: maps.Clone(f.numbers), unknown: map[string]bool{}}, issuers: map[string]string{}, kinds: map[kind]int{}, broken: map[string]error{}}
	ambiguous, paging := map[string]bool{}, export.Paging[kind]{}
	for _, file := range set.Files {
		found := 0
		here := map[kind]bool{}
		more, err := set.Read(ctx, file, pages(), func(raw json.RawMessage) error {
			e, k := parse(raw)
			if k == kindUnknown {
				return nil
			}
			found++
			here[k] = true
			s.kinds[k]++
			if k == kindPolicy && f.target == "" {
				s.homeless = append(s.homeless, file.Name)
			}
			s.learn(&e, k, ambiguous)
			return nil
		})
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			s.broken[file.Name] = err
		case found == 0:
			s.unknown = append(s.unknown, file.Name)
		}
		paging.File(file.Name, here, more)
	}
	paging.Broken(s.broken)
	for pool := range ambiguous {
		delete(s.issuers, pool)
	}
	return s, nil
}

func (s *survey) learn(e *element, k kind, ambiguous map[string]bool) {
	if k == kindAsset {
		d, ok := e.data()
		if !ok {
			return
		}
		e = &d
	}
	if e.ProjectID != "" && e.ProjectNumber != nil {
		s.names.ids[e.number()] = e.ProjectID
	}
	if e.Email != "" && e.UniqueID != "" {
		s.names.ids["account:"+e.UniqueID] = e.Email
	}
	if pool, _, ok := strings.Cut(e.Name, "/providers/"); ok && e.OIDC != nil {
		if have := s.issuers[pool]; have != "" && have != e.OIDC.IssuerURI {
			ambiguous[pool] = true
		}
		s.issuers[pool] = retinue.CleanName(e.OIDC.IssuerURI)
	}
}

// Check implements connector.Connector: it recognises the files.
func (f *files) Check(ctx context.Context) (connector.Access, error) {
	set, err := export.Open(f.path)
	if err != nil {
		return connector.Access{}, err
	}
	defer func() { _ = set.Close() }()
	s, err := f.look(ctx, set)
	if err != nil {
		return connector.Access{}, err
	}
	m := f.mapper(s, nil)
	rec := &recorder{}
	m.w = export.NewWriter(rec)
	if err := f.state(ctx, set, s, m, rec); err != nil {
		return connector.Access{}, err
	}
	realms := m.w.Realms()
	if len(realms) == 0 {
		return connector.Access{}, f.nothing(s)
	}
	return connector.Access{Realm: first(realms), Name: described(realms), NotCovered: notCovered(s)}, nil
}

// first is the realm that stands for a source: a project before what is above
// it and what is everywhere.
func first(realms []retinue.Realm) retinue.Realm {
	for _, r := range realms {
		if r != "gcp:google" && !strings.Contains(r.ID(), "/") {
			return r
		}
	}
	return realms[0]
}

func described(realms []retinue.Realm) string {
	if len(realms) == 1 {
		return "Google Cloud " + realms[0].ID()
	}
	return fmt.Sprintf("Google Cloud %s and %d more", first(realms).ID(), len(realms)-1)
}

func notCovered(s *survey) []string {
	var out []string
	for _, c := range []struct {
		ok   bool
		text string
	}{
		{s.kinds[kindAccount]+s.kinds[kindAsset] > 0, "service accounts: add the output of `gcloud iam service-accounts list --format=json`"},
		{s.kinds[kindKey]+s.kinds[kindAsset] > 0, "keys of service accounts: add `gcloud iam service-accounts keys list --format=json` for each"},
		{s.kinds[kindAsset]+s.kinds[kindSearched] > 0, "policies of single resources: add `gcloud asset search-all-iam-policies --format=json`"},
		{s.kinds[kindDeny] > 0, "deny policies: add `gcloud iam policies get` for each that `gcloud iam policies list --kind=denypolicies` names"},
		{s.kinds[kindRole] > 0, "the permissions of roles: add `gcloud iam roles describe` for each, or a listing of the API with view=FULL"},
		{s.kinds[kindProvider]+s.kinds[kindAsset] > 0, "issuers of workload identity pools: add `gcloud iam workload-identity-pools providers list --format=json`"},
		{s.kinds[kindLastUse] > 0, "when service accounts and keys were last used: add `gcloud policy-intelligence query-activity --limit=unlimited --format=json` of both activity types"},
		{false, "members of Google groups and principal access boundary policies"},
	} {
		if !c.ok {
			out = append(out, c.text)
		}
	}
	return out
}

func (f *files) nothing(s *survey) error {
	for _, name := range slices.Sorted(maps.Keys(s.broken)) {
		return s.broken[name]
	}
	if len(s.homeless) > 0 {
		return fmt.Errorf("%w: read %s: a policy that does not say whose it is: give resource=projects/ID", retinue.ErrInvalid, retinue.CleanName(s.homeless[0]))
	}
	return fmt.Errorf("%w: read %s: nothing is recognised: %s", retinue.ErrInvalid, retinue.CleanName(f.path), wanted)
}

func (f *files) mapper(s *survey, sink connector.Sink) *mapper {
	return &mapper{names: s.names, w: export.NewWriter(sink), target: f.target, issuers: s.issuers}
}

// Discover implements connector.Connector.
func (f *files) Discover(ctx context.Context, req connector.Request, sink connector.Sink) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	set, err := export.Open(f.path)
	if err != nil {
		return err
	}
	defer func() { _ = set.Close() }()
	if req.DryRun {
		set.WouldRead(sink)
		return nil
	}
	s, err := f.look(ctx, set)
	if err != nil {
		return err
	}
	m := f.mapper(s, sink)
	if err := f.state(ctx, set, s, m, sink); err != nil {
		return err
	}
	if len(m.w.Realms()) == 0 {
		return f.nothing(s)
	}
	f.notes(s, sink)
	if m.unplaced > 0 {
		sink.Note(connector.Note{Kind: connector.NoteWarning, Count: m.unplaced, Text: fmt.Sprintf("%d resources do not say in which project they lie and were left out: export them with their ancestors", m.unplaced)})
	}
	if m.silent > 0 {
		sink.Note(connector.Note{Kind: connector.NoteFold, Count: m.silent, Text: fmt.Sprintf("%d service accounts and keys did not authenticate in the time that Activity Analyzer watches: it does not say whether they ever did", m.silent)})
	}
	return m.w.Finish(ctx)
}

// state reads every file again and states what it holds. A file that ends in an
// error leaves every realm open that any file speaks of, as it could have
// spoken of them too.
func (f *files) state(ctx context.Context, set *export.Set, s *survey, m *mapper, sink connector.Sink) error {
	for i, file := range set.Files {
		m.at, m.file = file.Modified, file.Name
		if now := f.env.Now(); m.at.After(now) {
			m.at = now
		}
		f.env.Progress(connector.Progress{Stage: "reading files", Done: int64(i), Total: int64(len(set.Files)), Unit: "files"})
		var stop error
		_, err := set.Read(ctx, file, pages(), func(raw json.RawMessage) error {
			e, k := parse(raw)
			if k == kindPolicy && f.target == "" {
				return nil
			}
			stop = m.element(&e, k)
			return stop
		})
		switch {
		case stop != nil:
			return stop
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			s.broken[file.Name] = err
		}
	}
	if len(s.broken) == 0 {
		return nil
	}
	for _, realm := range m.w.Realms() {
		for _, name := range slices.Sorted(maps.Keys(s.broken)) {
			m.w.FailAll(realm, s.broken[name])
		}
	}
	return nil
}

func (f *files) notes(s *survey, sink connector.Sink) {
	if n := len(s.unknown); n > 0 {
		sink.Note(connector.Note{Kind: connector.NoteWarning, Count: n, Text: fmt.Sprintf("%d files hold nothing that is known, the first is %s: %s", n, retinue.CleanName(s.unknown[0]), wanted)})
	}
	if n := len(s.homeless); n > 0 {
		sink.Note(connector.Note{Kind: connector.NoteWarning, Count: n, Text: fmt.Sprintf("%s is a policy that does not say whose it is: read it by itself with resource=projects/ID", retinue.CleanName(s.homeless[0]))})
	}
	if n := len(s.names.unknown); n > 0 {
		sink.Note(connector.Note{Kind: connector.NoteWarning, Count: n, Text: fmt.Sprintf("%d project numbers have no id in the export, the first is %s: add `gcloud projects list --format=json`", n, slices.Sorted(maps.Keys(s.names.unknown))[0])})
	}
	for _, text := range notCovered(s) {
		sink.Note(connector.Note{Kind: connector.NoteNotCovered, Text: text})
	}
}

// recorder takes what Check does not pass on.
type recorder struct{}

func (*recorder) Emit(retinue.Scope, ...retinue.Fact) error          { return nil }
func (*recorder) Complete(retinue.Scope, connector.Completion) error { return nil }
func (*recorder) Problem(retinue.Scope, error)                       {}
func (*recorder) Note(connector.Note)                                {}
