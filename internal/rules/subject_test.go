package rules

import (
	"testing"

	"github.com/retinue-id/retinue"
)

// TestFillCounts: one place stated by head and history, or under two consumers,
// is one place; references, history and vaults are told apart.
func TestFillCounts(t *testing.T) {
	host := retinue.NewRef("host:1", "host", "1")
	file := retinue.Place{Kind: retinue.PlaceFile, Path: "/a", Field: "KEY", Line: 3, Container: host}
	moved := file
	moved.Line, moved.Commit = 9, "abc"
	s := Subject{Kind: OverCredential, Placements: []retinue.Placement{
		{Place: file}, {Place: moved, Consumer: retinue.NewRef("host:1", "unit", "x")}, {Place: file, Consumer: retinue.NewRef("host:1", "unit", "y")},
		{Place: retinue.Place{Kind: retinue.PlaceVault, Path: "kv"}}, {Place: retinue.Place{Kind: retinue.PlaceGit, Path: "old"}, Historic: true},
		{Place: retinue.Place{Kind: retinue.PlaceGit, Path: "name"}, Reference: true}},
		Counts: Counts{Holders: 4}}
	s.FillCounts()
	want := Counts{Places: 2, PlacesOutsideVault: 1, HistoricPlaces: 1, References: 1, Containers: 1, Consumers: 2, Holders: 4}
	if s.Counts.Places != want.Places || s.Counts.PlacesOutsideVault != want.PlacesOutsideVault || s.Counts.HistoricPlaces != want.HistoricPlaces ||
		s.Counts.References != want.References || s.Counts.Containers != want.Containers || s.Counts.Consumers != want.Consumers || s.Counts.Holders != want.Holders {
		t.Errorf("got %+v: want %+v", s.Counts, want)
	}
}

func TestTitle(t *testing.T) {
	ref := retinue.NewRef("git:1", "secret", "01234"+"56789abcdef")
	places := []retinue.Placement{{Place: retinue.Place{Kind: retinue.PlaceGit, Path: "a.env"}}}
	for _, tt := range []struct {
		sub  Subject
		want string
	}{
		{Subject{Kind: OverCredential, Ref: ref, Name: ref.Key, Credential: &retinue.Credential{Subtype: "github-pat"}, Placements: places}, "github-pat in a.env"},
		{Subject{Kind: OverCredential, Ref: ref, Credential: &retinue.Credential{Kind: retinue.CredentialAPIKey}}, "API key"},
		{Subject{Kind: OverCredential, Ref: ref, Name: "AKIA", Credential: &retinue.Credential{Name: "AKIA"}, Placements: places}, "AKIA"},
		{Subject{Kind: OverIdentity, Ref: ref, Name: ref.Key, Identity: &retinue.Identity{}}, ref.Key},
	} {
		if got := tt.sub.title(); got != tt.want {
			t.Errorf("title %q: want %q", got, tt.want)
		}
	}
}
