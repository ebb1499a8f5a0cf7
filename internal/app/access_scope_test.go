package app

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// TestAccessKeepsToItsReader asks everything about access as somebody who sees
// the identities of one team. Ways lead through those of another; nothing of
// the answers may name them.
func TestAccessKeepsToItsReader(t *testing.T) {
	eachTeller(t, func(t *testing.T, w *teller) {
		s := &cloud{at: day1}
		w.Specs = []connector.Spec{{Kind: "aws", Title: "Test", Summary: "A scripted account.", TargetOptional: true,
			Open: func(context.Context, connector.Config, connector.Env) (connector.Connector, error) { return s, nil }}}
		const prefix = "arn:aws:iam::111122223333:"
		ref := func(kind, key string) retinue.Ref { return retinue.NewRef(cloudRealm, kind, key) }
		person := func(name, team string) retinue.Identity {
			return retinue.Identity{Ref: ref("user", prefix+"user/"+name), Name: name, Kind: retinue.IdentityUser, Class: retinue.ClassNonHuman,
				State: retinue.StateActive, Labels: map[string]string{"team": team}}
		}
		policy := func(name, statement string) retinue.Policy {
			return retinue.Policy{Ref: ref("policy", prefix+"policy/"+name), Name: name, Language: retinue.LanguageAWSIAM,
				Document: `{"Version":"2012-10-17","Statement":` + statement + `}`}
		}
		ours, theirs, both := person("lefty-app", "left"), person("righty-boss", "right"), person("lefty-end", "left")
		keys := policy("keys", `{"Effect":"Allow","Action":"iam:CreateAccessKey","Resource":"*"}`)
		all := policy("righty-all", `{"Effect":"Allow","Action":"*","Resource":"*"}`)
		s.facts = []retinue.Fact{ours, theirs, both, keys, all,
			retinue.Attachment{Policy: keys.Ref, Target: ours.Ref, Role: retinue.AttachIdentity},
			retinue.Attachment{Policy: all.Ref, Target: theirs.Ref, Role: retinue.AttachIdentity},
			retinue.Credential{Ref: ref("access_key", "righty-key"), Name: "righty-key", Kind: retinue.CredentialAccessKey, Identity: theirs.Ref}}
		if _, err := w.Scan(t.Context(), []SourceConfig{{Name: "lab", Kind: "aws"}}, ScanOptions{}); err != nil {
			t.Fatal(err)
		}
		left := store.RowScope{Tags: []string{"team=left"}}
		ask := func(scope store.RowScope, what string, answer func(store.RowScope) (any, error)) string {
			t.Helper()
			v, err := answer(scope)
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		at, ctx := store.AsOf{}, t.Context()
		questions := map[string]func(store.RowScope) (any, error){
			"who can": func(sc store.RowScope) (any, error) {
				return w.AnswerWhoCan(ctx, sc, at, api.AccessQuestion{Action: "iam:CreateAccessKey", Limit: 100})
			},
			"can": func(sc store.RowScope) (any, error) {
				return w.AnswerCan(ctx, sc, at, api.AccessQuestion{Identity: ours.Ref.Key, Action: "iam:CreateAccessKey"})
			},
			"escalations": func(sc store.RowScope) (any, error) {
				return w.AnswerEscalations(ctx, sc, at, api.EscalationQuestion{To: "admin", Already: true, Limit: 100})
			},
			"ways": func(sc store.RowScope) (any, error) {
				return w.AnswerWays(ctx, sc, at, api.WayQuestion{From: ours.Ref.Key, Limit: 100})
			},
			"reach": func(sc store.RowScope) (any, error) {
				return w.AnswerReach(ctx, sc, at, api.ReachQuestion{Of: ours.Ref.Key, Limit: 100})
			},
			"reached": func(sc store.RowScope) (any, error) {
				return w.AnswerReach(ctx, sc, at, api.ReachQuestion{Of: both.Ref.Key, Inverse: true, Limit: 100})
			},
			"cuts": func(sc store.RowScope) (any, error) {
				return w.AnswerCuts(ctx, sc, at, api.TargetQuestion{Target: "admin"})
			},
			"chokes": func(sc store.RowScope) (any, error) {
				return w.AnswerChokePoints(ctx, sc, at, api.TargetQuestion{Target: "admin", Most: 20})
			},
		}
		for what, answer := range questions {
			if got := ask(left, what, answer); strings.Contains(got, "righty") {
				t.Errorf("%s tells of the other team: %s", what, got)
			}
			if got := ask(store.Everything(), what, answer); !strings.Contains(got, "righty") && what != "can" {
				t.Errorf("%s tells whoever sees everything nothing of the other team, so that this test shows nothing: %s", what, got)
			}
		}
		for _, word := range []string{theirs.Ref.Key, "righty-boss", "righty-key"} {
			if _, err := w.AnswerReach(ctx, left, at, api.ReachQuestion{Of: word, Limit: 1}); !errors.Is(err, retinue.ErrNotFound) {
				t.Errorf("reach of %s: error %v, want that there is none", word, err)
			}
		}
	})
}
