package aws_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/connectors/aws"
)

// TestActivityPage: the page names every target, example and blind spot of the
// log.
func TestActivityPage(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "connectors", "aws.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	a := aws.Spec().Activity
	var want []string
	for _, f := range a.Target {
		want = append(want, "`aws="+f.Form+"`")
	}
	for _, e := range a.Examples {
		want = append(want, e.Form)
	}
	for _, l := range a.Logs {
		want = append(want, "`"+l.Name+"`")
		for _, b := range l.BlindSpots {
			want = append(want, "`"+b.Code+"`")
		}
	}
	for _, w := range want {
		if !strings.Contains(page, w) {
			t.Errorf("docs/connectors/aws.md does not have %s", w)
		}
	}
}
