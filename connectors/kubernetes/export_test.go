package kubernetes

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/connector/secrets"
	"github.com/retinue-id/retinue/internal/testkit"
)

// exportOf writes a fake cluster as kubectl would print it, a file a kind.
func exportOf(t *testing.T, objects map[string][]string) string {
	t.Helper()
	dir := t.TempDir()
	for resource, items := range objects {
		k, ok := kindOfResource(resource)
		if !ok {
			t.Fatalf("no kind %s", resource)
		}
		for i, o := range items {
			items[i] = `{"kind":"` + k.name + `",` + o[1:]
		}
		writeFile(t, filepath.Join(dir, resource+".json"), `{"apiVersion":"v1","items":[`+strings.Join(items, ",")+`],"kind":"List"}`)
	}
	return dir
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func discoverExport(t *testing.T, path string, options map[string]string) *connectortest.Result {
	t.Helper()
	return discover(t, config(path, options))
}

func TestExportConformance(t *testing.T) {
	dir, broken := exportOf(t, smallCluster()), exportOf(t, smallCluster())
	roles := filepath.Join(broken, "roles.json")
	text, err := os.ReadFile(roles)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, roles, string(text[:len(text)-60]))
	options := map[string]string{"secrets": "fingerprint"}
	connectortest.Run(t, connectortest.Subject{
		Spec: Spec(), Open: connectortest.OpenSpec(Spec(), config(dir, options)),
		Named:   connectortest.NameSpec(Spec(), config(dir, options)),
		Broken:  connectortest.OpenSpec(Spec(), config(broken, options)),
		Secrets: []string{"secret-value"},
	})
}

// TestLiveAndExport reads one cluster from its server and from files.
func TestLiveAndExport(t *testing.T) {
	objects := smallCluster()
	live, _ := openFake(t, newFake(t, objects), map[string]string{"secrets": "metadata"})
	a := connectortest.Discover(t, live)
	b := discoverExport(t, exportOf(t, smallCluster()), nil)
	texts := func(r *connectortest.Result) map[string]bool {
		out := map[string]bool{}
		for _, e := range r.Emitted {
			if e.Scope.Path == "cluster" || e.Fact.FactType() == retinue.FactIdentity {
				continue // the files lack the version and the issuer
			}
			enc, err := retinue.MarshalFact(e.Fact)
			if err != nil {
				t.Fatal(err)
			}
			out[e.Scope.String()+string(enc)] = true
		}
		return out
	}
	left, right := texts(a), texts(b)
	for x := range left {
		if !right[x] {
			t.Errorf("only live: %s", x)
		}
	}
	for x := range right {
		if !left[x] {
			t.Errorf("only from files: %s", x)
		}
	}
}

// TestSampleCluster reads the sample dump and counts what it holds.
func TestSampleCluster(t *testing.T) {
	r := discoverExport(t, testkit.Data(t, "access/kubernetes/cluster"), nil)
	accounts, attachments := 0, len(find(r, retinue.FactAttachment, ""))
	for _, f := range find(r, retinue.FactIdentity, "/service_account/") {
		if f.(retinue.Identity).Kind == retinue.IdentityServiceAccount {
			accounts++
		}
	}
	if accounts != 87 || len(find(r, retinue.FactPolicy, "/cluster_role/")) != 90 || len(find(r, retinue.FactPolicy, "/role/")) != 31 {
		t.Errorf("%d accounts, want 87; %d and %d roles, want 90 and 31", accounts,
			len(find(r, retinue.FactPolicy, "/cluster_role/")), len(find(r, retinue.FactPolicy, "/role/")))
	}
	if attachments != 110 { // 67 + 43 subjects, none of them twice in one binding
		t.Errorf("%d attachments, want 110", attachments)
	}
	if len(find(r, retinue.FactResource, "")) != 47 {
		t.Errorf("%d workloads, want 47", len(find(r, retinue.FactResource, "")))
	}
	if len(r.Problems) > 0 {
		t.Errorf("problems: %v", r.Problems)
	}
	warned := false
	for _, n := range r.Notes {
		warned = warned || n.Kind == connector.NoteWarning && strings.Contains(n.Text, "cluster-uid=")
	}
	if !warned {
		t.Error("no warning that the cluster is named by its file")
	}
}

// TestForeignJSON reads JSON that is no export of kubectl.
func TestForeignJSON(t *testing.T) {
	for name, path := range map[string]string{"other fixtures": testkit.Data(t, "vendor-fixtures/kubernetes")} {
		c, err := Spec().Open(t.Context(), config(path, nil), connectortest.Env(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Check(t.Context()); !errors.Is(err, retinue.ErrInvalid) || !strings.Contains(err.Error(), "cluster-uid=") {
			t.Errorf("%s: %v, want ErrInvalid and advice", name, err)
		}
	}
}

func TestRealmOfExport(t *testing.T) {
	one := func(kind, name, namespace, uid string) string {
		return `{"kind":"` + kind + `","metadata":{"name":"` + name + `","namespace":"` + namespace + `","uid":"` + uid + `"}}`
	}
	for _, c := range []struct {
		name, text, option, realm, err string
	}{
		{"kube-system", one("Namespace", "kube-system", "", "u1"), "", "kubernetes:u1", ""},
		{"option", one("ServiceAccount", "x", "y", ""), "u2", "kubernetes:u2", ""},
		{"option against the export", one("Namespace", "kube-system", "", "u1"), "u2", "", "is of the cluster u1"},
		{"cluster-admin", one("ClusterRole", "cluster-admin", "", "u3"), "", "kubernetes:by-u3", ""},
		{"two clusters", one("Namespace", "kube-system", "", "u1") + one("Namespace", "kube-system", "", "u9"), "", "", "two clusters"},
		{"nothing", `{"a":1}`, "", "", "give cluster-uid="},
	} {
		path := filepath.Join(t.TempDir(), "x.json")
		writeFile(t, path, c.text)
		conn, err := Spec().Open(t.Context(), config(path, map[string]string{"cluster-uid": c.option}), connectortest.Env(t))
		if err != nil {
			t.Fatal(err)
		}
		a, err := conn.Check(t.Context())
		if string(a.Realm) != c.realm || (c.err == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: realm %q, error %v; want %q, %q", c.name, a.Realm, err, c.realm, c.err)
		}
	}
}

// TestCompletenessOfExport: what an export does not show to be whole ends
// nothing.
func TestCompletenessOfExport(t *testing.T) {
	const role = `{"kind":"Role","metadata":{"name":"r","namespace":"pay"},"rules":[]}`
	const namespaces = `{"kind":"List","items":[{"kind":"Namespace","metadata":{"name":"kube-system","uid":"u"}},{"kind":"Namespace","metadata":{"name":"pay"}}]}`
	scope := func(ns string) retinue.Scope { return retinue.NewScope("kubernetes:u", "namespace", ns, "role") }
	for _, c := range []struct {
		name               string
		files              map[string]string
		pay, system, probl bool
	}{
		{"objects of one namespace only", map[string]string{"roles.json": `{"kind":"List","items":[` + role + `]}`}, true, false, false},
		{"with the script's manifest", map[string]string{"roles.json": `{"kind":"List","items":[` + role + `]}`,
			manifestName: `{"kind":"RetinueExport","time":"2026-01-02T03:04:05Z","resources":["roles"]}`}, true, true, false},
		{"an empty list with the manifest", map[string]string{"roles.json": `{"kind":"List","items":[]}`,
			manifestName: `{"kind":"RetinueExport","time":"2026-01-02T03:04:05Z","resources":["roles"]}`}, true, true, false},
		{"a single object", map[string]string{"role.json": role}, false, false, true},
		{"cut off", map[string]string{"roles.json": `{"kind":"List","items":[` + role + `,{"kind"`}, false, false, true},
		{"not JSON", map[string]string{"roles.json": `kind: List`}, false, false, true},
	} {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "namespaces.json"), namespaces)
		for name, text := range c.files {
			writeFile(t, filepath.Join(dir, name), text)
		}
		r := discoverExport(t, dir, nil)
		_, pay := r.Completed[scope("pay")]
		_, system := r.Completed[scope("kube-system")]
		if pay != c.pay || system != c.system || (len(r.Problems[scope("pay")]) > 0) != c.probl {
			t.Errorf("%s: complete in pay %t, in kube-system %t, want %t and %t; problems %v", c.name, pay, system, c.pay, c.system, r.Problems)
		}
		if done, ok := r.Completed[scope("kube-system")]; ok && done.ObservedAt != time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) {
			t.Errorf("%s: observed at %s, want the manifest's time", c.name, done.ObservedAt)
		}
	}
}

// TestOverlap reads three exports of one cluster that hold the same things.
func TestOverlap(t *testing.T) {
	dir := exportOf(t, smallCluster())
	want := len(discoverExport(t, dir, nil).Emitted)
	for _, copyTo := range []string{"again", "and-again"} {
		for resource := range smallCluster() {
			text, err := os.ReadFile(filepath.Join(dir, resource+".json"))
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(dir, copyTo, resource+".json"), string(text))
		}
	}
	if got := len(discoverExport(t, dir, nil).Emitted); got != want {
		t.Errorf("%d facts from three exports of one cluster, %d from one", got, want)
	}
}

func TestForms(t *testing.T) {
	const ns = `{"kind":"Namespace","metadata":{"name":"kube-system","uid":"u"}}`
	const role = `{"metadata":{"name":"r","namespace":"pay"},"rules":[{"verbs":["get"],"resources":["x"],"apiGroups":[""]}]}`
	for name, text := range map[string]string{
		"list of one kind":     ns + `{"kind":"RoleList","items":[` + role + `]}`,
		"kind after the items": ns + `{"items":[{"kind":"Role",` + role[1:] + `],"kind":"List"}`,
		"one object a line":    ns + "\n" + `{"kind":"Role",` + role[1:] + "\n",
		"array":                `[` + ns + `,{"kind":"Role",` + role[1:] + `]`,
		"byte order mark":      "\xef\xbb\xbf" + ns + `{"kind":"Role",` + role[1:],
	} {
		path := filepath.Join(t.TempDir(), "x.json")
		writeFile(t, path, text)
		r := discoverExport(t, path, nil)
		p := one[retinue.Policy](t, r, retinue.FactPolicy, "/role/pay/r")
		if p.Document != `[{"apiGroups":[""],"resources":["x"],"verbs":["get"]}]` {
			t.Errorf("%s: document %s", name, p.Document)
		}
	}
}

// TestHostileObjects reads objects that no server would hold.
func TestHostileObjects(t *testing.T) {
	big := strings.Repeat("x", 5000)
	path := filepath.Join(t.TempDir(), "x.json")
	names := []string{"\u202egnp", "a\u001b[2J", big, "", "a/b", "ok"}
	var items []string
	for _, n := range names {
		q, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, `{"kind":"ServiceAccount","metadata":{"name":`+string(q)+`,"namespace":"pay","labels":{"owner":`+string(q)+`}},"secrets":[{"name":`+string(q)+`}]}`)
	}
	items = append(items, `{"kind":"ServiceAccount","metadata":"x"}`, `{"kind":"Pod","metadata":{"name":"p","namespace":"pay"},"spec":[]}`, `7`)
	writeFile(t, path, `{"kind":"List","items":[`+strings.Join(items, ",")+`]}`)
	r := discoverExport(t, path, map[string]string{"cluster-uid": "u"})
	accounts := 0
	for _, e := range r.Emitted {
		if err := errors.Join(e.Fact.Validate(), e.Fact.FactRef().Validate()); err != nil {
			t.Errorf("fact: %v", err)
		}
		if e.Fact.FactType() == retinue.FactIdentity {
			accounts++
		}
	}
	if accounts != 3 {
		t.Errorf("%d accounts, want 3", accounts)
	}
	s := retinue.NewScope("kubernetes:u", "namespace", "pay", "service_account")
	if _, ok := r.Completed[s]; ok || len(r.Problems[s]) == 0 {
		t.Errorf("scope %s is complete although objects of it could not be read", s)
	}
}

func TestHugeObject(t *testing.T) {
	in := strings.NewReader(`{"kind":"List","items":[{"kind":"Pod","x":"` + strings.Repeat("y", 2*maxObject) + `"}]}`)
	err := decodeDocuments(in, func(*document, json.RawMessage) error { return nil }, nil)
	if !errors.Is(err, retinue.ErrInvalid) || !strings.Contains(err.Error(), "16 MiB") {
		t.Errorf("error %v, want ErrInvalid that names the limit", err)
	}
}

// TestManyFields reads one object that never ends in fields that are small.
func TestManyFields(t *testing.T) {
	field := `"` + strings.Repeat("k", 1<<20)
	var b strings.Builder
	b.WriteString("{")
	for i := range 40 {
		b.WriteString(field + strconv.Itoa(i) + `":1,`)
	}
	b.WriteString(`"end":1}`)
	err := decodeDocuments(strings.NewReader(b.String()), func(*document, json.RawMessage) error { return nil }, nil)
	if !errors.Is(err, retinue.ErrInvalid) || !strings.Contains(err.Error(), "16 MiB") {
		t.Errorf("error %v, want ErrInvalid that names the limit", err)
	}
}

func TestSecretValuesWarned(t *testing.T) {
	r := discoverExport(t, exportOf(t, smallCluster()), nil)
	for _, n := range r.Notes {
		if n.Kind == connector.NoteWarning && strings.Contains(n.Text, "values of 1 Secrets") {
			return
		}
	}
	t.Errorf("no warning about values in the file: %v", r.Notes)
}

// TestValues reads values whose vendor is known, one that is not, and settings.
func TestValues(t *testing.T) {
	id, key := "AKIA"+"Z7QK3MPX5RT2WVLN", strings.Join([]string{"q8Zr", "T5vN", "2kLp", "X9sB", "m4Wc", "H7yD", "f3Jg", "A6tE", "u1Ri", "O0xV"}, "")
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	path := filepath.Join(t.TempDir(), "secrets.json")
	writeFile(t, path, `{"kind":"List","items":[{"kind":"Secret","type":"Opaque","metadata":{"name":"aws","namespace":"pay"},"data":{
		"AWS_ACCESS_KEY_ID":"`+b64(id)+`","other":"`+b64(key)+`","region":"`+b64("eu-1")+`"}}]}`)
	r := discoverExport(t, path, map[string]string{"cluster-uid": "u", "secrets": "fingerprint"})
	joined := false
	for _, f := range find(r, retinue.FactCredential, id) {
		joined = joined || f.FactRef().Realm.Kind() == "aws" || slices.Contains(f.(retinue.Credential).Joins, retinue.JoinKey{Kind: retinue.JoinProviderID, Value: "aws:" + id})
	}
	if !joined {
		t.Errorf("no credential is known by the id of the AWS key: %v", find(r, retinue.FactCredential, ""))
	}
	other := one[retinue.Credential](t, r, retinue.FactCredential, "pay/aws#other")
	if want := connectortest.Key(t).Fingerprint(retinue.NewSecret(key)); !slices.Contains(other.Fingerprints, want) {
		t.Errorf("value of no known vendor: %+v", other)
	}
	if got := find(r, retinue.FactCredential, "#region"); len(got) > 0 {
		t.Errorf("a setting is stated as a credential: %v", got)
	}
	if strings.Contains(r.Dump(), key) {
		t.Error("a value appears")
	}
}

// TestScript checks that the script is a valid one for the shell and that names
// are quoted.
func TestScript(t *testing.T) {
	for _, cfg := range []connector.Config{
		config("context:it's", map[string]string{"secrets": "metadata"}), config("", nil), config("/tmp/a b", nil),
	} {
		text, err := Spec().Script(cfg)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("sh -n: %v: %s", err, out)
		}
	}
	if _, err := Spec().Script(config("", map[string]string{"contexts": "a;b"})); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("a script for two contexts: %v, want ErrInvalid", err)
	}
	if _, err := Spec().Script(config("", map[string]string{"secrets": "fingerprint"})); !errors.Is(err, retinue.ErrUnsupported) {
		t.Errorf("a script that exports values: %v, want ErrUnsupported", err)
	}
}

// TestManifests keeps the copies for people in step with those that the
// program prints.
func TestManifests(t *testing.T) {
	for file, want := range map[string]string{"retinue-read.yaml": readRole, "retinue-secrets.yaml": secretsRole} {
		got, err := os.ReadFile(filepath.Join("..", "..", "deploy", "kubernetes", file))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("deploy/kubernetes/%s differs from the connector's document", file)
		}
	}
}

// TestPage checks that the page for people holds every option and document.
func TestPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "connectors", "kubernetes.md"))
	if err != nil {
		t.Fatal(err)
	}
	spec := Spec()
	for _, o := range spec.Options {
		if !strings.Contains(string(page), "`"+o.Name+"`") {
			t.Errorf("the page lacks option %s", o.Name)
		}
	}
	for _, d := range spec.Privileges {
		if !strings.Contains(string(page), strings.TrimSpace(d.Body)) {
			t.Errorf("the page lacks the document %q", d.Title)
		}
	}
	for _, s := range [][]string{spec.Sees, spec.BlindSpots, spec.CouldRead} {
		for _, text := range s {
			if !strings.Contains(string(page), text) {
				t.Errorf("the page lacks %q", text)
			}
		}
	}
}

func FuzzExport(f *testing.F) {
	f.Add([]byte(`{"kind":"List","items":[{"kind":"Role","metadata":{"name":"r","namespace":"n"},"rules":[{}]}]}`))
	f.Add([]byte(`{"kind":"Pod","metadata":{"name":"p","namespace":"n"},"spec":{"volumes":[{"secret":{"secretName":"s"}}]}}`))
	f.Add([]byte(`{"kind":"Table","columnDefinitions":[{"name":"Type"}],"rows":[{"cells":["x"]}]}`))
	f.Add([]byte(`{"kind":"CertificateSigningRequest","metadata":{"name":"c"},"status":{"certificate":"LS0t"}}`))
	f.Add([]byte(`{"kind":"Secret","metadata":{"name":"s","namespace":"n"},"type":"kubernetes.io/service-account-token","data":{"token":"YS5iLmM="}}`))
	f.Add([]byte(`{"kind":"RoleBinding","metadata":{"name":"s","namespace":"n"},"roleRef":{"kind":"Role","name":"r"},"subjects":[{"kind":"User","name":"u"}]}`))
	scanner, err := secrets.Default()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "x.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c := &exportConnector{path: path, opts: options{clusterUID: "u", secrets: secretsFingerprint, scanner: scanner}, env: connectortest.Env(t)}
		r := connectortest.DiscoverWith(t.Context(), t, c, connector.Request{Now: connectortest.Epoch()})
		for _, e := range r.Emitted {
			if err := errors.Join(e.Fact.Validate(), e.Fact.FactRef().Validate(), e.Scope.Validate()); err != nil {
				t.Errorf("scope %s: %v", e.Scope, err)
			}
		}
	})
}
