package deliver

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/file"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/outlet"
	"github.com/retinue-id/retinue/internal/testkit"
)

func note(n int64) Note {
	sum := sha256.Sum256([]byte(fmt.Sprint(n)))
	head := hex.EncodeToString(sum[:])
	return Note{Signed: []byte(fmt.Sprintf("retinue/test\n%d\n%s\n\n— signature\n", n, head)), Origin: "retinue/test", Size: n, Head: head, At: time.Now()}
}

func events(n int) (out []json.RawMessage) {
	for i := range n {
		out = append(out, json.RawMessage(fmt.Sprintf(`{"time":%d,"class_uid":2004}`, 1772452800000+i)))
	}
	return out
}

func openStream(t *testing.T, srv *httptest.Server, kind string, options map[string]string) Stream {
	t.Helper()
	k, _ := FindStream(kind)
	options["url"], options["content"] = srv.URL, "records"
	s, err := k.Open(outlet.Config{Options: options, Secrets: map[string]retinue.Secret{"token": retinue.NewSecret(strings.Repeat("t", 24))}, HTTP: srv.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestHTTPStream(t *testing.T) {
	var body, kind, id, auth string
	srv := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body, kind, id, auth = string(b), r.Header.Get("Content-Type"), r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization")
	}))
	defer srv.Close()
	if _, err := openStream(t, srv, "http", map[string]string{}).Send(t.Context(), Batch{ID: "b1", Events: events(3)}); err != nil {
		t.Fatal(err)
	}
	if strings.Count(body, "\n") != 3 || kind != "application/x-ndjson" || id != "b1" || auth != "Bearer "+strings.Repeat("t", 24) {
		t.Errorf("%s %s %s: %s", kind, id, auth, body)
	}
	if _, err := openStream(t, srv, "http", map[string]string{"format": "json"}).Send(t.Context(), Batch{ID: "b2", Events: events(3)}); err != nil {
		t.Fatal(err)
	}
	var all []any
	if err := json.Unmarshal([]byte(body), &all); err != nil || len(all) != 3 || kind != "application/json" {
		t.Errorf("%s: %s", kind, body)
	}
}

func TestSplunkStream(t *testing.T) {
	var got []string
	asked, ready := 0, 2
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.Header.Get("Authorization") != "Splunk "+strings.Repeat("t", 24) {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		switch r.URL.Path {
		case "/services/collector/event":
			for d := json.NewDecoder(strings.NewReader(string(b))); ; {
				var e splunkEvent
				if err := d.Decode(&e); err != nil {
					break
				}
				got = append(got, fmt.Sprintf("%.3f %s", e.Time, e.SourceType))
			}
			_, _ = io.WriteString(w, `{"text":"Success","code":0,"ackId":5}`)
		case "/services/collector/ack":
			asked++
			fmt.Fprintf(w, `{"acks":{"5":%t}}`, asked >= ready)
		}
	}))
	defer srv.Close()
	if _, err := openStream(t, srv, "splunk", map[string]string{}).Send(t.Context(), Batch{Events: events(2)}); err != nil {
		t.Fatal(err)
	}
	if strings.Join(got, ",") != "1772452800.000 retinue:ocsf,1772452800.001 retinue:ocsf" {
		t.Errorf("got %q", got)
	}
	s, _ := openStream(t, srv, "splunk", map[string]string{"acknowledge": "yes"}).(splunk)
	s.pause, s.asks = time.Millisecond, 3
	if receipt, err := s.Send(t.Context(), Batch{Events: events(1)}); err != nil || !strings.Contains(receipt, "indexed") || asked != 2 {
		t.Errorf("%q %v, asked %d times", receipt, err, asked)
	}
	ready = 1000
	if _, err := s.Send(t.Context(), Batch{Events: events(1)}); !errors.Is(err, retinue.ErrUnavailable) {
		t.Errorf("never acknowledged: %v", err)
	}
}

// gitTo opens the place over a repository on this disk: the protocol is that
// of the network, spoken to git itself.
func gitTo(t *testing.T, repo string) *gitPlace {
	t.Helper()
	k, _ := FindPlace("git")
	p, err := k.Open(outlet.Config{Options: map[string]string{"url": "https://git.example/x.git"}, Secrets: map[string]retinue.Secret{"token": retinue.NewSecret("x")}, HTTP: http.DefaultClient})
	if err != nil {
		t.Fatal(err)
	}
	g, _ := p.(*gitPlace)
	if g.endpoint, err = transport.NewEndpoint(repo); err != nil {
		t.Fatal(err)
	}
	g.transport, g.auth = file.NewClient("git-upload-pack", "git-receive-pack"), nil
	return g
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestGitPlace(t *testing.T) {
	testkit.Need(t, "git", "git")
	repo := t.TempDir()
	git(t, repo, "init", "--bare", "-q", ".")
	g := gitTo(t, repo)
	if says, err := g.Try(t.Context()); err != nil || says == "" {
		t.Fatalf("try: %q %v", says, err)
	}
	var receipts []Receipt
	for i := range int64(3) {
		r, err := g.Put(t.Context(), note(i+1))
		if err != nil {
			t.Fatal(err)
		}
		receipts = append(receipts, r)
	}
	again, err := g.Put(t.Context(), note(3))
	if err != nil || again.Place != receipts[2].Place {
		t.Errorf("pushed twice: %v %v", again, err)
	}
	if n := strings.TrimSpace(git(t, repo, "rev-list", "--count", "retinue-checkpoints")); n != "3" {
		t.Errorf("%s commits", n)
	}
	if files := strings.Fields(git(t, repo, "ls-tree", "-r", "--name-only", "retinue-checkpoints")); len(files) != 3 {
		t.Errorf("files %v", files)
	}
	git(t, repo, "fsck", "--strict")
	for i, r := range receipts {
		b, err := g.Fetch(t.Context(), r.Place)
		if err != nil || string(b) != string(note(int64(i)+1).Signed) {
			t.Errorf("fetched %q %v", b, err)
		}
	}
	if _, err := g.Fetch(t.Context(), "checkpoints/none.txt@0"); !errors.Is(err, retinue.ErrNotFound) {
		t.Errorf("fetched what is not there: %v", err)
	}
	// Another's files on the branch stay.
	work := filepath.Join(t.TempDir(), "w")
	git(t, repo, "clone", "-q", "-b", "retinue-checkpoints", repo, work)
	if err := os.WriteFile(filepath.Join(work, "README"), []byte("theirs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	git(t, work, "add", ".")
	git(t, work, "commit", "-q", "-m", "theirs")
	git(t, work, "push", "-q")
	if _, err := g.Put(t.Context(), note(4)); err != nil {
		t.Fatal(err)
	}
	if files := strings.Fields(git(t, repo, "ls-tree", "-r", "--name-only", "retinue-checkpoints")); len(files) != 5 {
		t.Errorf("files %v", files)
	}
	if _, err := gitTo(t, filepath.Join(repo, "none")).Put(t.Context(), note(1)); err == nil {
		t.Error("pushed to no repository")
	}
}

func TestS3PlaceKeepsWhatNobodyCanDelete(t *testing.T) {
	srv := testkit.AWS(t)
	k, _ := FindPlace("s3")
	open := func(bucket string) *s3Place {
		p, err := k.Open(outlet.Config{Options: map[string]string{"bucket": bucket, "access-key-id": "AKIA" + strings.Repeat("X", 16)},
			Secrets: map[string]retinue.Secret{"secret-access-key": retinue.NewSecret(strings.Repeat("s", 40))}, HTTP: http.DefaultClient, Endpoint: srv})
		if err != nil {
			t.Fatal(err)
		}
		s, _ := p.(*s3Place)
		return s
	}
	makeBucket(t, open("locked"), true)
	makeBucket(t, open("plain"), false)
	p := open("locked")
	if says, err := p.Try(t.Context()); err != nil || says == "" {
		t.Errorf("try: %q %v", says, err)
	}
	n := note(1)
	r, err := p.Put(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := p.Fetch(t.Context(), r.Place); err != nil || string(b) != string(n.Signed) {
		t.Errorf("fetched %q %v", b, err)
	}
	if err := deleteVersion(t, p, r.Place); err == nil {
		t.Error("the locked object was deleted")
	}
	if _, err := open("plain").Put(t.Context(), n); err == nil {
		t.Error("a bucket without object lock was taken")
	}
	if _, err := open("plain").Try(t.Context()); !errors.Is(err, retinue.ErrUnsupported) {
		t.Errorf("try without object lock: %v", err)
	}
	if _, err := open("none").Put(t.Context(), n); err == nil {
		t.Error("put into no bucket")
	}
	if _, err := p.Fetch(t.Context(), "s3://other/x?versionId=1"); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("fetched from another bucket: %v", err)
	}
}
