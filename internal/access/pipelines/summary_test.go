package pipelines

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
)

// TestSummarize says what definitions give by themselves.
func TestSummarize(t *testing.T) {
	for _, tt := range []struct {
		name      string
		change    func(*Definition)
		writes    bool
		services  []string
		sentences string
	}{
		{"tokens and reading", nil, false, []string{"contents", "id-token"}, "job go gets tokens that others can trust"},
		{"everything", func(d *Definition) { d.Jobs[0].Permissions = &Permissions{All: "write-all"} }, true, scopes[:],
			"job go gets tokens that others can trust|job go may write everything that the pipeline's token is for"},
		{"writing", func(d *Definition) {
			d.Jobs[0].Permissions = &Permissions{Scopes: map[string]string{"packages": "write"}}
		}, true, []string{"packages"},
			"job go may write packages"},
		{"nothing", func(d *Definition) { d.Jobs[0].Permissions = &Permissions{} }, false, nil, ""},
		{"not declared", func(d *Definition) { d.Jobs[0].Permissions = nil }, false, nil, "the repository's settings decide what jobs without permissions of their own may do"},
	} {
		text, err := json.Marshal(workflow(tt.change))
		if err != nil {
			t.Fatal(err)
		}
		s, err := Summarize(string(text))
		if err != nil || s.Writes != tt.writes || !slices.Equal(s.Services, tt.services) || strings.Join(s.Sentences, "|") != tt.sentences || s.Privileged() {
			t.Errorf("%s: %+v, %v", tt.name, s, err)
		}
	}
	for _, text := range []string{"", "{", "[]", `{"system":"jenkins"}`} {
		if _, err := Summarize(text); !errors.Is(err, retinue.ErrInvalid) && !errors.Is(err, retinue.ErrUnsupported) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
