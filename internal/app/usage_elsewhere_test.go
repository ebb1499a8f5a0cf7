package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/ingest"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// TestOtherProjectsAreThoseOfTheOrganisation: the logs of other projects make a
// blind spot good once an organisation is in the inventory and the logs of all that
// it has there are whole; without one, or with one project whose log was not read,
// they do not.
func TestOtherProjectsAreThoseOfTheOrganisation(t *testing.T) {
	eachSeen(t, seen{}, func(t *testing.T, w *teller) {
		const a, b, organisation = retinue.Realm("gcp:a"), retinue.Realm("gcp:b"), retinue.Realm("gcp:organizations/1")
		whole := false
		list := func(realm retinue.Realm, kind retinue.ContainerKind) {
			t.Helper()
			s := &listedContainer{c: retinue.Container{Ref: retinue.NewRef(realm, string(kind), string(realm)), Name: string(realm), Kind: kind}, systems: whole}
			if _, err := ingest.Run(t.Context(), w.DB, "listed", string(realm), "x", s, ingest.Options{}); err != nil {
				t.Fatal(err)
			}
		}
		spots := func(read ...retinue.Realm) []string {
			t.Helper()
			coverage := map[retinue.Realm][]retinue.Coverage{}
			for _, r := range read {
				coverage[r] = []retinue.Coverage{{Log: "gcp.audit", Realm: r, From: day1.AddDate(0, 0, -30), To: day1, Proof: "paged", Authenticated: true,
					BlindSpots: []retinue.BlindSpot{{Code: "own"}, {Code: "gcp.other_projects", Elsewhere: "gcp"}}}}
			}
			if err := w.DB.View(t.Context(), store.Everything(), func(tx *sqlstore.Tx) error { return seeElsewhere(tx, coverage) }); err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, s := range coverage[a][0].BlindSpots {
				out = append(out, s.Code)
			}
			return out
		}
		same := func(what string, got []string, want ...string) {
			t.Helper()
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		list(a, retinue.ContainerProject)
		same("no organisation", spots(a), "own", "gcp.other_projects")
		list(organisation, retinue.ContainerOrganization)
		same("which projects the organisation has is not known", spots(a, organisation), "own", "gcp.other_projects")
		whole = true
		list(organisation, retinue.ContainerOrganization)
		same("the organisation's own log is not read", spots(a), "own", "gcp.other_projects")
		same("all are read", spots(a, organisation), "own")
		list(b, retinue.ContainerProject)
		same("a project whose log is not read", spots(a, organisation), "own", "gcp.other_projects")
		same("and read", spots(a, b, organisation), "own")
	})
}

// listedContainer is a system that lists itself.
type listedContainer struct {
	c       retinue.Container
	systems bool // it says which systems are in it
}

func (l *listedContainer) Check(context.Context) (connector.Access, error) {
	return connector.Access{Realm: l.c.Ref.Realm}, nil
}
func (*listedContainer) Close() error { return nil }

func (l *listedContainer) Discover(_ context.Context, _ connector.Request, sink connector.Sink) error {
	scope := retinue.NewScope(l.c.Ref.Realm, "node")
	if err := sink.Emit(scope, l.c); err != nil {
		return err
	}
	if l.systems {
		if err := sink.Complete(retinue.NewScope(l.c.Ref.Realm, retinue.SystemsListed), connector.Completion{ObservedAt: day1, Basis: "its list of projects"}); err != nil {
			return err
		}
	}
	return sink.Complete(scope, connector.Completion{ObservedAt: day1, Basis: "its own description"})
}

// TestVerdictsOfKeysAreInTheTimeline: what is concluded about a key is in the
// timeline of its identity, with its name.
func TestVerdictsOfKeysAreInTheTimeline(t *testing.T) {
	eachSeen(t, seen{}, func(t *testing.T, w *teller) {
		var lines []string
		for d := range 30 {
			lines = append(lines, seenEvent(fmt.Sprint("k", d), "carl", day1.AddDate(0, 0, -d-1), "docs:read", "10.0.1.9", `,"joins":[{"kind":"provider_id","value":"test:carl-1"}]`))
		}
		judge := func() (keys, own int, words string) {
			t.Helper()
			if _, err := w.JudgeUsage(t.Context()); err != nil {
				t.Fatal(err)
			}
			timeline, err := w.History(t.Context(), store.Everything(), w.seenEntity("carl").ID)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range timeline {
				if i > 0 && v.At.After(timeline[i-1].At) {
					t.Errorf("%s stands before %s", timeline[i-1].At, v.At)
				}
				switch {
				case v.Change != "judged":
				case v.Type == retinue.FactCredential:
					if keys++; words == "" {
						words = v.Summary
					}
				default:
					own++
				}
			}
			return keys, own, words
		}
		if keys, own, words := judge(); keys != 1 || own != 1 || !strings.HasPrefix(words, "credential carl-1: usage status unknown") {
			t.Errorf("before any log: %d of keys, %d of its own, %q", keys, own, words)
		}
		w.pass(time.Hour)
		w.importSeen(lines)
		if keys, own, words := judge(); keys != 2 || own != 2 || !strings.HasPrefix(words, "credential carl-1: usage status active") {
			t.Errorf("after a log: %d of keys, %d of its own, %q", keys, own, words)
		}
	})
}
