// Package estate makes up the identities and credentials of an organisation,
// as many as a measurement needs and the same ones for the same seed.
package estate

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Size says how much to make.
type Size struct {
	Identities  int
	Credentials int
	Seed        uint64
}

// at is when the sources of every estate were scanned last, first when they
// were scanned before.
var (
	at    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	first = at.AddDate(0, 0, -60)
)

// Observed is when the sources of every estate were scanned last.
func Observed() time.Time { return at }

// FirstObserved is when they were scanned before: a tenth of the things changed
// between the two scans, some came and some went.
func FirstObserved() time.Time { return first }

// Make fills an empty database. Its things are spread over sources and their
// containers; some are owned, used, privileged, or have findings.
func Make(ctx context.Context, db *sqlstore.DB, size Size) error {
	m := &maker{Rand: rand.New(rand.NewPCG(size.Seed, 0x7265_7469)), size: size}
	next, stop := iter.Pull(m.steps())
	defer stop()
	err := db.Load(ctx, sqlstore.Span{First: first, Second: at}, func(l *sqlstore.Loader) (bool, error) {
		m.Loader = l
		err, more := next()
		return more, err
	})
	if err != nil {
		return fmt.Errorf("make estate: %w", err)
	}
	return nil
}

// stepSize is how many identities are made in one step.
const stepSize = 10_000

// steps makes the estate, a step at a time.
func (m *maker) steps() iter.Seq[error] {
	return func(yield func(error) bool) {
		for i := range sources {
			if err := m.begin(i); err != nil {
				yield(err)
				return
			}
			n, c := share(m.size.Identities, i), share(m.size.Credentials, i)
			for j := range n {
				err := m.identity(j, m.units[m.IntN(len(m.units))], c*(j+1)/n-c*j/n)
				if (err != nil || m.identities%stepSize == 0) && !yield(err) {
					return
				}
			}
		}
	}
}

// sources are how many there are; the first is the largest by far, as in most
// organisations.
const sources = 16

type maker struct {
	*sqlstore.Loader
	*rand.Rand
	size        Size
	source      string
	realm       retinue.Realm
	units       []retinue.Ref
	identities  int
	credentials int
	ids         uint64
}

// share is the part of n that falls to a source: a half to the first, the rest
// evenly.
func share(n, source int) int {
	rest := n / 2 / (sources - 1)
	if source == 0 {
		return n - rest*(sources-1)
	}
	return rest
}

// id makes public ids that are the same for the same seed.
func (m *maker) id(prefix string) string {
	m.ids++
	return fmt.Sprintf("%s01kj%022d", prefix, m.ids)
}

var kinds = []string{"aws", "kubernetes", "github", "postgres"}

// begin begins a source with its containers.
func (m *maker) begin(i int) error {
	kind := kinds[i%len(kinds)]
	m.source = fmt.Sprintf("%s-%02d", kind, i)
	m.realm = retinue.Realm(fmt.Sprintf("%s:%012d", kind, i))
	if err := m.Source(retinue.SourceID(m.id("src_")), kind, m.source, m.realm); err != nil {
		return err
	}
	m.units = make([]retinue.Ref, 1+share(m.size.Identities, i)/500)
	for u := range m.units {
		m.units[u] = retinue.NewRef(m.realm, "account", fmt.Sprintf("unit-%06d", u))
		err := m.Add(retinue.Container{Ref: m.units[u], Name: fmt.Sprintf("Unit %d of %s", u, m.source), Kind: retinue.ContainerAccount},
			sqlstore.Given{ID: retinue.EntityID(m.id("ctn_"))})
		if err != nil {
			return err
		}
	}
	return nil
}

func one[T any](m *maker, v ...T) T { return v[m.IntN(len(v))] }

func (m *maker) identity(j int, unit retinue.Ref, credentials int) error {
	m.identities++
	name := fmt.Sprintf("%s-%s-%06d", one(m, "billing", "search", "checkout", "ledger", "Mail", "report", "login", "stock"),
		one(m, "api", "worker", "cron", "deploy", "sync", "backup"), m.IntN(1_000_000))
	f := retinue.Identity{Ref: retinue.NewRef(m.realm, "identity", fmt.Sprintf("%s/%07d", name, j)), Name: name,
		Kind:    one(m, retinue.IdentityRole, retinue.IdentityServiceAccount, retinue.IdentityServiceAccount, retinue.IdentityPipeline, retinue.IdentityBot, retinue.IdentityApp),
		Subtype: "made_up", Class: one(m, retinue.ClassNonHuman, retinue.ClassNonHuman, retinue.ClassNonHuman, retinue.ClassNonHuman, retinue.ClassPerson, retinue.ClassUnclear),
		State:       one(m, retinue.StateActive, retinue.StateActive, retinue.StateActive, retinue.StateDisabled),
		Environment: one(m, "", retinue.EnvironmentProduction, retinue.EnvironmentProduction, retinue.EnvironmentStaging, retinue.EnvironmentDevelopment),
		Criticality: one(m, "", "", retinue.CriticalityCritical, retinue.CriticalityHigh, retinue.CriticalityMedium, retinue.CriticalityLow),
		Container:   unit, CreatedAt: m.before(1500), Labels: map[string]string{"team": fmt.Sprintf("team-%03d", m.IntN(400))}}
	if m.IntN(10) == 0 {
		f.ExpiresAt, f.Temporary = at.AddDate(0, 0, m.IntN(400)), true
	}
	g := sqlstore.Given{ID: retinue.EntityID(m.id("idn_")), Credentials: credentials, Privileged: m.IntN(20) == 0, ThirdParty: m.IntN(25) == 0}
	if m.IntN(2) == 0 {
		g.Owner = fmt.Sprintf("owner-%03d@example.com", m.IntN(500))
	}
	if m.IntN(5) > 0 {
		g.LastUsed = m.before(200)
	}
	if m.IntN(6) == 0 {
		g.Findings = m.findings(f.Ref, f.Name, g.ID)
	}
	switch m.IntN(100) {
	case 0, 1, 2, 3, 4, 5, 6, 7, 8, 9:
		before := f
		before.Name, before.State = "old-"+f.Name, retinue.StateDisabled
		g.Before = before
	case 10:
		g.New = true
	case 11, 12: // another one went
		gone := f
		gone.Ref.Key += "/gone"
		if err := m.Add(gone, sqlstore.Given{ID: retinue.EntityID(m.id("idn_")), Gone: true}); err != nil {
			return err
		}
	}
	if err := m.Add(f, g); err != nil {
		return err
	}
	for range credentials {
		if err := m.credential(f.Ref, g.New); err != nil {
			return err
		}
	}
	m.Forget(f.Ref)
	return nil
}

func (m *maker) credential(holder retinue.Ref, isNew bool) error {
	m.credentials++
	f := retinue.Credential{Ref: retinue.NewRef(m.realm, "credential", fmt.Sprintf("key/%08d", m.credentials)), Name: fmt.Sprintf("key-%06x", m.IntN(1<<24)),
		Kind:     one(m, retinue.CredentialAccessKey, retinue.CredentialAPIKey, retinue.CredentialPassword, retinue.CredentialCertificate, retinue.CredentialServiceToken),
		State:    one(m, retinue.CredentialActive, retinue.CredentialActive, retinue.CredentialActive, retinue.CredentialInactive),
		Identity: holder, CreatedAt: m.before(1200), ShortLived: m.IntN(8) == 0}
	if m.IntN(3) == 0 {
		f.ExpiresAt = at.AddDate(0, 0, m.IntN(500)-60)
	}
	g := sqlstore.Given{ID: retinue.EntityID(m.id("crd_")), New: isNew}
	if !isNew && m.IntN(10) == 0 {
		before := f
		before.State = retinue.CredentialInactive
		if f.State == before.State {
			before.State = retinue.CredentialActive
		}
		g.Before = before
	}
	if m.IntN(3) > 0 {
		g.LastUsed = m.before(300)
	}
	if m.IntN(30) == 0 {
		g.Findings = m.findings(f.Ref, f.Name, g.ID)
	}
	return m.Add(f, g)
}

func (m *maker) before(days int) time.Time {
	return at.Add(-time.Duration(m.Int64N(int64(days)*86_400)) * time.Second)
}

var rules = []struct {
	id       string
	severity retinue.Severity
	owasp    retinue.OWASP
}{{"unused-identity", retinue.SeverityMedium, retinue.NHI1}, {"leaked-secret", retinue.SeverityCritical, retinue.NHI2},
	{"too-much-access", retinue.SeverityHigh, retinue.NHI5}, {"long-lived-secret", retinue.SeverityMedium, retinue.NHI7},
	{"shared-by-environments", retinue.SeverityLow, retinue.NHI8}}

func (m *maker) findings(ref retinue.Ref, name string, entity retinue.EntityID) []retinue.Finding {
	n := 1 + m.IntN(2)
	from := m.IntN(len(rules))
	out := make([]retinue.Finding, n)
	for i := range out {
		r := rules[(from+i)%len(rules)]
		out[i] = retinue.Finding{ID: retinue.FindingID(m.id("fnd_")), Fingerprint: m.id("made-up-"), Rule: r.id, Title: r.id, Severity: r.severity,
			State: retinue.FindingOpen, OWASP: []retinue.OWASP{r.owasp}, Subject: ref, Entity: entity, Name: name, Message: name + ": " + r.id,
			Family: r.id + "/" + m.source, Fix: r.id, Priority: 1 + m.IntN(100), FirstSeen: first, LastSeen: at}
	}
	return out
}
