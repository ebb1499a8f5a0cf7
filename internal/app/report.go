package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/evidence/export"
	"github.com/retinue-id/retinue/internal/evidence/report"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// oldDays is the age from which a static credential counts as old: the longest
// of the rotation intervals by criticality (30, 60, 90 days).
const oldDays = 90

// maxWorst bounds the findings that a report carries in full.
const maxWorst = 200

// Report computes the figures of a report over the whole inventory. Its
// coverage, notes and offers are those of every source's last run.
//
// With runs, what these say comes first, and the notes and offers of other
// sources are left out: they were shown when those were scanned.
func (a *App) Report(ctx context.Context, asOf store.AsOf, runs ...store.Run) (report.Data, error) {
	return a.reportOf(ctx, store.Everything(), asOf, runs...)
}

// reportOf is Report of what a scope sees.
func (a *App) reportOf(ctx context.Context, scope store.RowScope, asOf store.AsOf, runs ...store.Run) (report.Data, error) {
	d := report.Data{Tool: "retinue " + Version, GeneratedAt: a.DB.Now(), AsOf: asOf.Observed, By: Actor(), Database: a.DB.Path()}
	err := a.DB.View(ctx, scope, func(tx *sqlstore.Tx) error {
		b := &reportBuilder{tx: tx, d: &d, asOf: asOf, now: a.DB.Now(), only: runs}
		return b.build()
	})
	if err != nil {
		return d, fmt.Errorf("compute report: %w", err)
	}
	d.Title = "Non-human identities"
	if n := len(d.Sources); n == 1 {
		d.Title += " of " + d.Sources[0].Name
	}
	return d, nil
}

type reportBuilder struct {
	tx   *sqlstore.Tx
	d    *report.Data
	asOf store.AsOf
	now  time.Time
	only []store.Run
}

// told reports whether a source's notes belong into the report.
func (b *reportBuilder) told(r store.Run) bool {
	return len(b.only) == 0 || slices.ContainsFunc(b.only, func(o store.Run) bool { return o.Source.ID == r.Source.ID })
}

func (b *reportBuilder) build() error {
	runs, err := b.tx.LastRuns()
	if err != nil {
		return err
	}
	for _, step := range []func() error{b.identities, b.credentials, b.placements, b.trusts, b.findings, b.audit} {
		if err := step(); err != nil {
			return err
		}
	}
	return b.sources(runs)
}

func (b *reportBuilder) identities() error {
	kinds, sources, envs := map[string]int{}, map[string]int{}, map[string]int{}
	for e, err := range b.tx.Entities(store.EntityQuery{Type: retinue.FactIdentity, AsOf: b.asOf}) {
		if err != nil {
			return err
		}
		i := &b.d.Identities
		switch e.Class {
		case retinue.ClassPerson:
			i.People++
			continue
		case retinue.ClassUnclear:
			i.Unclear++
			continue
		}
		i.NonHuman++
		kinds[e.Kind]++
		sources[e.Source]++
		envs[string(e.Environment)]++
		if e.Owner != "" {
			i.Owned++
		}
		if e.State == string(retinue.StateDisabled) {
			i.Disabled++
		}
	}
	b.d.Identities.ByKind, b.d.Identities.BySource = counts(kinds), counts(sources)
	b.d.Identities.ByEnvironment = counts(envs)
	for i := range b.d.Identities.ByEnvironment {
		if c := &b.d.Identities.ByEnvironment[i]; c.Label == "" {
			c.Label, c.Unknown = "unlabelled", true
		}
	}
	return b.suggested()
}

// suggested counts identities without an owner for which there is evidence of
// one.
func (b *reportBuilder) suggested() error {
	seen := map[retinue.Ref]bool{}
	for f, err := range b.tx.FactsOfType(retinue.FactOwnerSignal, b.asOf) {
		if err != nil {
			return err
		}
		if d, err := retinue.DecodeFact(f.Type, f.Body); err == nil {
			if o, ok := d.(retinue.OwnerSignal); ok {
				seen[o.Subject] = true
			}
		}
	}
	for ref := range seen {
		e, err := b.tx.Resolve(ref)
		if err != nil {
			return err
		}
		if e == 0 {
			continue
		}
		reg, err := b.tx.Registration(e)
		if err != nil {
			return err
		}
		f, _, err := b.tx.Merged(e)
		if id, ok := f.(retinue.Identity); err == nil && ok && id.Class == retinue.ClassNonHuman && (reg == nil || reg.Owner == "") {
			b.d.Identities.Suggested++
		}
	}
	return nil
}

func counts(m map[string]int) []report.Count {
	out := make([]report.Count, 0, len(m))
	for k, n := range m {
		out = append(out, report.Count{Label: k, N: n})
	}
	slices.SortFunc(out, func(a, b report.Count) int { return cmp.Or(b.N-a.N, strings.Compare(a.Label, b.Label)) })
	return out
}

// ages are the age classes of static credentials, in days.
var ages = []struct {
	label string
	upTo  float64
}{{"up to 30 days", 30}, {"31 to 90 days", 90}, {"91 days to a year", 365}, {"1 to 3 years", 3 * 365}, {"over 3 years", 1e9}}

func (b *reportBuilder) credentials() error {
	c := &b.d.Credentials
	c.OldDays = oldDays
	byAge := make([]report.Count, len(ages))
	for i := range ages {
		byAge[i].Label = ages[i].label
	}
	unknown := report.Count{Label: "age not known", Unknown: true}
	seen := map[int64]bool{}
	for f, err := range b.tx.FactsOfType(retinue.FactCredential, b.asOf) {
		if err != nil {
			return err
		}
		if seen[f.EntityKey] {
			continue
		}
		seen[f.EntityKey] = true
		d, err := retinue.DecodeFact(f.Type, f.Body)
		if err != nil {
			return err
		}
		k, _ := d.(retinue.Credential)
		c.Total++
		if !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(b.now) {
			c.Expired++
		}
		if k.ShortLived || k.Kind == retinue.CredentialFederatedTrust || (k.Certificate != nil && k.Certificate.CA) {
			continue
		}
		c.Static++
		if k.NeverExpires {
			c.NeverExpire++
		}
		born := k.RotatedAt
		if born.IsZero() {
			born = k.CreatedAt
		}
		if born.IsZero() {
			unknown.N++
			continue
		}
		days := b.now.Sub(born).Hours() / 24
		if days > oldDays {
			c.Old++
		}
		for i := range ages {
			if days <= ages[i].upTo {
				byAge[i].N++
				break
			}
		}
	}
	c.ByAge = byAge
	if unknown.N > 0 {
		c.ByAge = append(c.ByAge, unknown)
	}
	return nil
}

func (b *reportBuilder) placements() error {
	outside := map[int64]bool{}
	for p, err := range b.tx.Placements() {
		if err != nil {
			return err
		}
		if p.Entity != 0 && !p.Placement.Reference && !p.Placement.Historic && !p.Placement.Place.Kind.Managed() {
			outside[p.Entity] = true
		}
	}
	b.d.Credentials.InFiles = len(outside)
	return nil
}

func (b *reportBuilder) trusts() error {
	t := &b.d.Trusts
	parties := map[string]*report.Party{}
	for f, err := range b.tx.FactsOfType(retinue.FactTrust, b.asOf) {
		if err != nil {
			return err
		}
		d, err := retinue.DecodeFact(f.Type, f.Body)
		if err != nil {
			return err
		}
		v, _ := d.(retinue.Trust)
		t.Total++
		if !v.ThirdParty {
			if !v.OrganizationKnown && (v.Kind == retinue.TrusteeAccount || v.Kind == retinue.TrusteePrincipal) {
				t.Undecided++
			}
			continue
		}
		t.ThirdParty++
		name := cmp.Or(v.Vendor, v.Name)
		p := parties[name]
		if p == nil {
			p = &report.Party{Name: name, Kind: string(v.Kind)}
			parties[name] = p
		}
		p.Trusts++
		if !v.ExternalID && (v.Kind == retinue.TrusteeAccount || v.Kind == retinue.TrusteePrincipal) {
			p.WithoutExternalID++
			t.WithoutExternalID++
		}
	}
	for _, p := range parties {
		t.Parties = append(t.Parties, *p)
	}
	slices.SortFunc(t.Parties, func(a, b report.Party) int {
		return cmp.Or(b.Trusts-a.Trusts, strings.Compare(a.Name, b.Name))
	})
	return nil
}

// fixGroup collects the findings that one change settles.
type fixGroup struct {
	fix      report.Fix
	entities map[retinue.EntityID]bool
	priority int
}

func (b *reportBuilder) findings() error {
	f := &b.d.Findings
	f.BySeverity = map[retinue.Severity]int{}
	risks := map[retinue.OWASP]map[retinue.Severity]int{}
	fixes := map[string]*fixGroup{}
	for x, err := range b.tx.Findings(store.FindingQuery{Resolved: true, Suppressed: true, AsOf: b.asOf}) {
		if err != nil {
			return err
		}
		switch {
		case x.State == retinue.FindingResolved:
			f.Resolved++
			continue
		case x.Suppressed != "":
			f.Suppressed++
			continue
		case x.State == retinue.FindingAccepted:
			f.Accepted++
			continue
		}
		f.BySeverity[x.Severity]++
		for _, o := range x.OWASP {
			if risks[o] == nil {
				risks[o] = map[retinue.Severity]int{}
			}
			risks[o][x.Severity]++
		}
		b.d.WorstTotal++
		if len(b.d.Worst) < maxWorst {
			b.d.Worst = append(b.d.Worst, x)
		}
		addFix(fixes, x)
	}
	for _, r := range retinue.OWASPRisks() {
		b.d.OWASP = append(b.d.OWASP, report.Risk{ID: r.ID, BySeverity: risks[r.ID]})
	}
	b.fixes(fixes)
	return nil
}

func addFix(fixes map[string]*fixGroup, x retinue.Finding) {
	key := cmp.Or(x.Fix, x.Family, x.Fingerprint)
	g := fixes[key]
	if g == nil {
		g = &fixGroup{entities: map[retinue.EntityID]bool{}}
		g.fix = report.Fix{Title: cmp.Or(x.FixTitle, x.Title), Severity: x.Severity, Action: x.Remediation, Reason: x.PriorityReason,
			Command: "retinue findings list --fix " + key}
		fixes[key] = g
	}
	g.fix.Findings++
	g.priority = max(g.priority, x.Priority)
	if x.Severity.AtLeast(g.fix.Severity) {
		g.fix.Severity = x.Severity
	}
	if !g.entities[x.Entity] {
		g.entities[x.Entity] = true
		if x.Subject.Kind != "source" {
			g.fix.Identities++
		}
		if len(g.fix.Examples) < 3 {
			g.fix.Examples = append(g.fix.Examples, cmp.Or(x.Name, x.Subject.Key))
		}
	}
}

// fixes orders fixes by the worst of what they settle, then by how much.
func (b *reportBuilder) fixes(groups map[string]*fixGroup) {
	all := make([]*fixGroup, 0, len(groups))
	for _, g := range groups {
		all = append(all, g)
	}
	slices.SortFunc(all, func(x, y *fixGroup) int {
		return cmp.Or(y.priority-x.priority, y.fix.Findings-x.fix.Findings, strings.Compare(x.fix.Title, y.fix.Title),
			strings.Compare(x.fix.Command, y.fix.Command))
	})
	b.d.FixTotal = len(all)
	for _, g := range all[:min(len(all), maxWorst)] {
		b.d.Fixes = append(b.d.Fixes, g.fix)
	}
}

func (b *reportBuilder) audit() error {
	seq, hash, err := b.tx.Head()
	b.d.Audit = export.AuditHead{Seq: seq, Hash: hash}
	return err
}

func (b *reportBuilder) sources(runs []store.Run) error {
	totals, err := b.tx.Totals()
	if err != nil {
		return err
	}
	creds := map[string]int{}
	for e, err := range b.tx.Entities(store.EntityQuery{Type: retinue.FactCredential}) {
		if err != nil {
			return err
		}
		creds[e.Source]++
	}
	folds := map[string]int{}
	slices.SortStableFunc(runs, func(x, y store.Run) int { return cmp.Compare(b2i(!b.told(x)), b2i(!b.told(y))) })
	for _, r := range runs {
		s := sourceLine(r)
		if !b.told(r) {
			s.NotCovered, r.Notes = nil, nil
		}
		s.Identities, s.Credentials = int(totals.BySource[r.Source.Name]), creds[r.Source.Name]
		for _, n := range r.Notes {
			switch n.Kind {
			case connector.NoteOffer:
				b.d.Offers = append(b.d.Offers, report.Offer{Text: n.Text, Command: "retinue scan " + n.Command})
			case connector.NoteFold:
				folds[strings.TrimPrefix(n.Text, fmt.Sprint(n.Count)+" ")] += n.Count
			case connector.NoteBlindSpot:
				s.BlindSpots = append(s.BlindSpots, n.Text)
			case connector.NoteNotCovered:
				s.NotCovered = append(s.NotCovered, n.Text)
			case connector.NoteWarning:
				s.BlindSpots = append(s.BlindSpots, n.Text)
			}
		}
		b.d.Sources = append(b.d.Sources, s)
	}
	b.d.Folds = counts(folds)
	return nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func sourceLine(r store.Run) report.Source {
	s := report.Source{Name: r.Source.Name, Kind: r.Source.Kind, Realm: r.Access.Realm, NotCovered: slices.Clone(r.Access.NotCovered), Use: retinue.GradeC}
	for _, sc := range r.Scopes {
		switch sc.State {
		case store.ScopeComplete, store.ScopeHistoric:
			s.Complete++
		case store.ScopeFailed:
			s.Failed++
		case store.ScopeHeld:
			s.Held++
			s.Problems = append(s.Problems, fmt.Sprintf("%s: %d facts would end at once; they wait for a second scan, or for --accept-ended", sc.Scope, sc.Counts.Held))
		default:
			s.Partial++
		}
		for _, p := range sc.Problems {
			if sc.State == store.ScopeComplete || sc.State == store.ScopeHistoric {
				s.BlindSpots = append(s.BlindSpots, p) // a conflict, nothing unread
			} else {
				s.Problems = append(s.Problems, sc.Scope.Path+": "+p)
			}
		}
		if sc.ObservedAt.After(s.ObservedAt) {
			s.ObservedAt = sc.ObservedAt
		}
	}
	if r.Error != "" {
		s.Problems = append(s.Problems, r.Error)
	}
	for _, m := range r.Access.Missing {
		s.Missing = append(s.Missing, m.Permission+": "+m.Consequence)
	}
	return s
}
