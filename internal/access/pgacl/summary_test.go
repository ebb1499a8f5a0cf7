package pgacl

import (
	"errors"
	"slices"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

func TestSummarize(t *testing.T) {
	tests := []struct {
		name, doc string
		want      func(access.Summary) bool
	}{
		{"superuser", `{"kind":"role","name":"a","superuser":true}`, func(s access.Summary) bool { return s.Admin && len(s.Sentences) == 1 }},
		{"plain login", `{"kind":"role","name":"a","login":true,"inherit":true}`, func(s access.Summary) bool { return !s.Privileged() && !s.Writes }},
		{"createrole and replication", `{"kind":"role","name":"a","createRole":true,"replication":true,"bypassRls":true}`,
			func(s access.Summary) bool { return !s.Admin && len(s.Escalates) == 3 }},
		{"public may insert", `{"kind":"table","database":"d","name":"t","owner":"o","acl":["=ar/o","\"a=b\"=r/o"]}`,
			func(s access.Summary) bool {
				return len(s.Sentences) == 1 && slices.ContainsFunc(s.Principals, func(p access.Principal) bool { return p.Kind == "anyone" }) &&
					slices.ContainsFunc(s.Principals, func(p access.Principal) bool { return p.Name == "a=b" })
			}},
		{"public may read", `{"kind":"table","name":"t","acl":["=r/o"]}`, func(s access.Summary) bool { return len(s.Sentences) == 0 && !s.Writes }},
		{"built-in default", `{"kind":"table","name":"t","acl":null}`, func(s access.Summary) bool { return len(s.Principals) == 0 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Summarize(tt.doc)
			if err != nil {
				t.Fatal(err)
			}
			if !tt.want(s) {
				t.Errorf("got %+v", s)
			}
		})
	}
}

func FuzzSummarize(f *testing.F) {
	f.Add(`{"kind":"role","superuser":true}`)
	f.Add(`{"kind":"table","acl":["=ar/o","\"x"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := Summarize(text); err != nil && !errors.Is(err, retinue.ErrInvalid) {
			t.Fatalf("error %v does not wrap ErrInvalid", err)
		}
	})
}
