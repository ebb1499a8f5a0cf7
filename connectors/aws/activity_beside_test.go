package aws

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

const (
	besideTrails = `{"trailList":[{"Name":"main","TrailARN":"arn:aws:cloudtrail:us-east-1:111111111111:trail/main","IsMultiRegionTrail":true,` +
		`"IncludeGlobalServiceEvents":true,"LogFileValidationEnabled":true,"HomeRegion":"us-east-1"}]}`
	// With the keys in the order of their names the ARN comes last.
	besideSelectors = `{"EventSelectors":[{"DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3"]},{"Type":"AWS::Lambda::Function","Values":["arn:aws:lambda"]}],` +
		`"IncludeManagementEvents":true,"ReadWriteType":"All"}],"TrailARN":"arn:aws:cloudtrail:us-east-1:111111111111:trail/main"}`
)

// TestBeside reads a folder as an export leaves it: logs and digest files, and
// beside them public keys and how the trail is set up, just written, in whatever
// layout. It is read again with another hour of logs: what lies beside holds for
// these too.
func TestBeside(t *testing.T) {
	for name, layout := range map[string]func(text string) string{
		"compact": func(text string) string { return text },
		"pretty": func(text string) string {
			var b bytes.Buffer
			if err := json.Indent(&b, []byte(text), "", " "); err != nil {
				t.Fatal(err)
			}
			return b.String() + "\n"
		},
		"compressed": func(text string) string {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			if _, err := z.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			return b.String()
		},
	} {
		for age, now := range map[string]time.Time{"just written": time.Now(), "an hour old": time.Now().Add(time.Hour)} {
			t.Run(name+" "+age, func(t *testing.T) {
				m, host := newChainMaker(t), &trailHost{}
				m.zip = true
				m.hour("us-east-1", 0)
				m.hour("us-east-1", 1)
				m.keys()
				const folder = "AWSLogs/111111111111/"
				if err := os.Rename(filepath.Join(m.dir, "public-keys.json"), filepath.Join(m.dir, folder, "public-keys.json")); err != nil {
					t.Fatal(err)
				}
				m.write(folder+"describe-trails.json", layout(besideTrails))
				m.write(folder+"get-event-selectors.json", layout(besideSelectors))
				host.readAt(t, m.dir, now)
				host.wantBeside(t, 2)
				m.hour("us-east-1", 2)
				host.covers = nil
				host.readAt(t, m.dir, now)
				host.wantBeside(t, 3)
			})
		}
	}
}

// readAt reads a path at a moment.
func (h *trailHost) readAt(t *testing.T, path string, now time.Time) {
	t.Helper()
	r, err := testActivity().Open(t.Context(), connector.Config{Target: path}, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close() //nolint:errcheck // it holds nothing
	req := h.request()
	req.Now = now
	if err := r.Activity(t.Context(), req, h); err != nil {
		t.Fatal(err)
	}
}

// wantBeside wants a proof signed up to an hour, and the blind spots that the
// selectors leave and no others.
func (h *trailHost) wantBeside(t *testing.T, hours int) {
	t.Helper()
	if len(h.faults) > 0 {
		t.Errorf("faults %v", h.faults)
	}
	if len(h.covers) != 2 {
		t.Fatalf("coverage %v, want what was seen and one proof", h.covers)
	}
	if c := h.covers[1]; c.Proof == "" || !c.Authenticated || !c.From.Equal(chainStart) || !c.To.Equal(chainStart.Add(time.Duration(hours)*time.Hour)) {
		t.Errorf("proof %+v, want one of %d hours", c, hours)
	}
	for _, c := range h.covers {
		if slices.ContainsFunc(c.BlindSpots, func(b retinue.BlindSpot) bool {
			return b.Code != blindDataOff && b.Code != blindNotLogged || strings.Contains(b.Text, "not known") ||
				slices.Contains(b.Actions, "s3:GetObject*") || slices.Contains(b.Actions, "lambda:InvokeFunction")
		}) || len(c.BlindSpots) != len(dataSources())-1 {
			t.Errorf("blind spots %v, want those of all but S3 and Lambda", c.BlindSpots)
		}
	}
}
