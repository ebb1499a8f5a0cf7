package app

import (
	"context"
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
)

// TestWhatIsLostWithoutAGrant takes grants away from a user: what another grant
// gives too is kept, and who is come to by the grant alone is not come to.
func TestWhatIsLostWithoutAGrant(t *testing.T) {
	w := openTeller(t, t.TempDir()+"/r.db")
	s := &cloud{at: day1}
	w.Specs = []connector.Spec{{Kind: "aws", Title: "Test", Summary: "A scripted account.", TargetOptional: true,
		Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) { return s, nil }}}
	const prefix = "arn:aws:iam::111122223333:"
	ref := func(kind, key string) retinue.Ref { return retinue.NewRef(cloudRealm, kind, key) }
	user := func(name string) retinue.Identity {
		return retinue.Identity{Ref: ref("user", prefix+"user/"+name), Name: name, Kind: retinue.IdentityUser, Class: retinue.ClassNonHuman, State: retinue.StateActive}
	}
	policy := func(name, statements string) retinue.Policy {
		return retinue.Policy{Ref: ref("policy", prefix+"policy/"+name), Name: name, Language: retinue.LanguageAWSIAM, Document: `{"Version":"2012-10-17","Statement":` + statements + `}`}
	}
	ci, boss := user("ci"), user("boss")
	reads := policy("reads", `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::logs/*"}`)
	more := policy("more", `[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::logs/*"},{"Effect":"Allow","Action":"iam:CreateAccessKey","Resource":"*"}]`)
	all := policy("all", `{"Effect":"Allow","Action":"*","Resource":"*"}`)
	s.facts = []retinue.Fact{ci, boss, reads, more, all}
	edge := policy("edge", `{"Effect":"Allow","Action":["s3:*","iam:*"],"Resource":"*"}`)
	s.facts = append(s.facts, edge, retinue.Attachment{Policy: edge.Ref, Target: ci.Ref, Role: retinue.AttachBoundary}) // which gives nothing
	for policy, to := range map[*retinue.Policy]retinue.Identity{&reads: ci, &more: ci, &all: boss} {
		s.facts = append(s.facts, retinue.Attachment{Policy: policy.Ref, Target: to.Ref, Role: retinue.AttachIdentity})
	}
	if _, err := w.Scan(t.Context(), []SourceConfig{{Name: "lab", Kind: "aws"}}, ScanOptions{}); err != nil {
		t.Fatal(err)
	}
	x := w.AccessOf(store.Everything(), store.AsOf{})
	without := func(documents ...string) (lost []string, kept, before, after int) {
		t.Helper()
		got, err := x.Without(t.Context(), ci.Ref.Key, documents)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range got.Lost {
			lost = append(lost, l.Consequence)
		}
		if len(got.Unknown) > 0 {
			t.Errorf("without %q: %q is not known", documents, got.Unknown)
		}
		return lost, got.Kept, got.Before.Administrators, got.After.Administrators
	}
	if lost, kept, before, after := without(more.Ref.Key); !slices.Contains(lost, "escalates") || slices.Contains(lost, "reads_data") || kept != 1 || before == 0 || after != 0 {
		t.Errorf("without the larger policy: lost %q, kept %d, administrators %d before and %d after", lost, kept, before, after)
	}
	if lost, kept, before, after := without(reads.Ref.Key); len(lost) != 0 || kept != 1 || before != after {
		t.Errorf("without the smaller policy: lost %q, kept %d, administrators %d before and %d after; want nothing lost", lost, kept, before, after)
	}
	if lost, kept, _, _ := without(reads.Ref.Key, more.Ref.Key); !slices.Contains(lost, "reads_data") || kept != 0 {
		t.Errorf("without both: lost %q, kept %d", lost, kept)
	}
	got, err := x.Without(t.Context(), ci.Ref.Key, []string{"nothing"})
	if err != nil || !slices.Equal(got.Unknown, []string{"nothing"}) || len(got.Lost) > 0 {
		t.Errorf("without a document that gives nothing: %+v, error %v", got, err)
	}
}
