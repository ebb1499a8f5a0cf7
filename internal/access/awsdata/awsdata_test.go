package awsdata

import (
	"archive/zip"
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

func embeddedData(t testing.TB) *Data {
	t.Helper()
	d, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAbout(t *testing.T) {
	about := embeddedData(t).About()
	if about.Date.Year() < 2026 || len(about.Sources) != 2 {
		t.Errorf("about %+v: want a date from 2026 and two sources", about)
	}
	for _, s := range about.Sources {
		if s.Licence != "MIT" || !strings.Contains(s.Notice, "Copyright") || s.Version == "" {
			t.Errorf("source %s: licence %s, version %q: want MIT with its notice", s.Name, s.Licence, s.Version)
		}
	}
}

func TestAction(t *testing.T) {
	d := embeddedData(t)
	tests := []struct {
		name  string
		level Level
		full  string
		typ   string
		key   string
	}{
		{"s3:getobject", Read, "s3:GetObject", "object", "s3:ExistingObjectTag/<key>"},
		{"IAM:PassRole", Write, "iam:PassRole", "role", "iam:PassedToService"},
		{"iam:AttachRolePolicy", Permissions, "iam:AttachRolePolicy", "role", "iam:PolicyARN"},
		{"ec2:CreateTags", Tagging, "ec2:CreateTags", "instance", "ec2:CreateAction"},
		{"sts:AssumeRole", Write, "sts:AssumeRole", "role", "sts:ExternalId"},
		{"s3:ListAllMyBuckets", List, "s3:ListAllMyBuckets", "", ""},
	}
	for _, tt := range tests {
		a, ok := d.Action(tt.name)
		if !ok || a.Level != tt.level || a.FullName() != tt.full {
			t.Errorf("%s: %+v, %t: want %s of level %s", tt.name, a, ok, tt.full, tt.level)
			continue
		}
		if tt.typ == "" {
			if len(a.Resources) != 0 {
				t.Errorf("%s: resource types %v: want none", tt.name, a.Resources)
			}
			continue
		}
		if !slices.ContainsFunc(a.Resources, func(r ActionResource) bool { return r.Type == tt.typ }) || !slices.Contains(a.Keys, tt.key) {
			t.Errorf("%s: types %v, keys %v: want %s and %s among them", tt.name, a.Resources, a.Keys, tt.typ, tt.key)
		}
	}
	for _, name := range []string{"s3:NoSuchAction", "nosuch:Get", "s3", ""} {
		if a, ok := d.Action(name); ok {
			t.Errorf("%q: found %+v", name, a)
		}
	}
}

func TestService(t *testing.T) {
	d := embeddedData(t)
	s, ok := d.Service("SQS")
	if !ok || !s.ResourceControl || s.Name == "" || len(s.Resources) != 1 || s.Resources[0].ARN == "" {
		t.Errorf("service %+v: want the queue service with one resource type", s)
	}
	total := 0
	for _, prefix := range d.Services() {
		s, ok := d.Service(prefix)
		if !ok {
			t.Fatalf("service %s is listed and not found", prefix)
		}
		total += len(s.Actions)
	}
	if total < 20000 {
		t.Errorf("%d actions: want more than 20,000", total)
	}
}

func TestExpand(t *testing.T) {
	d := embeddedData(t)
	got := d.Expand("S3:GetBucketPol*")
	if !slices.Equal(got, []string{"s3:GetBucketPolicy", "s3:GetBucketPolicyStatus"}) {
		t.Errorf("expanded to %v", got)
	}
	if n := len(d.Expand("*")); n < 20000 {
		t.Errorf("* expanded to %d actions", n)
	}
	for _, p := range []string{"s3", "nosuch:*", "s*:Get*", ""} {
		if got := d.Expand(p); len(got) != 0 {
			t.Errorf("%q expanded to %d actions: want none", p, len(got))
		}
	}
}

// TestManagedPolicies parses every policy that AWS manages: all of them are
// understood.
func TestManagedPolicies(t *testing.T) {
	d := embeddedData(t)
	arns := d.ManagedPolicies()
	if len(arns) < 1500 {
		t.Fatalf("%d policies: want 1,500 and more", len(arns))
	}
	for _, arn := range arns {
		m, _ := d.ManagedPolicy(arn)
		p, err := awsiam.ParseText(m.Document)
		if err != nil {
			t.Errorf("%s: %v", arn, err)
			continue
		}
		for _, problem := range p.Problems() {
			t.Errorf("%s: statement %d: %s", arn, problem.Statement, problem.Text)
		}
	}
	if p, ok := d.ManagedPolicy("arn:aws-us-gov:iam::aws:policy/ReadOnlyAccess"); !ok || p.Version == "" {
		t.Errorf("policy of another partition: %+v, %t", p, ok)
	}
}

func archive(t *testing.T, parts map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range parts {
		f, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLoad(t *testing.T) {
	if _, err := Load(strings.NewReader(embedded)); err != nil {
		t.Fatalf("load the embedded copy: %v", err)
	}
	const about = `{"format":1,"date":"2026-10-01","sources":[]}`
	const services = `{"p":"x","n":"X","a":[{"n":"Get","l":"R"}]}` + "\n"
	const policy = "arn:aws:iam::aws:policy/P\tv1\t2026-01-01\t" + `{"Version":"2012-10-17","Statement":[]}` + "\n"
	good := map[string]string{"about.json": about, "services.jsonl": services, "policies.tsv": policy}
	d, err := Load(bytes.NewReader(archive(t, good)))
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := d.Action("X:get"); !ok || a.Level != Read {
		t.Errorf("action %+v, %t", a, ok)
	}
	bad := map[string]map[string]string{
		"no about":          {"about.json": ""},
		"other format":      {"about.json": `{"format":2,"date":"2026-10-01"}`},
		"no date":           {"about.json": `{"format":1,"date":"soon"}`},
		"no services":       {"services.jsonl": ""},
		"unknown level":     {"services.jsonl": strings.Replace(services, `"l":"R"`, `"l":"X"`, 1)},
		"service twice":     {"services.jsonl": services + services},
		"not JSON":          {"services.jsonl": `{"p":"x",`},
		"no policies":       {"policies.tsv": ""},
		"policy of no AWS":  {"policies.tsv": strings.Replace(policy, "::aws:", "::1:", 1)},
		"malformed policy":  {"policies.tsv": strings.Replace(policy, "Statement", "Stat", 1)},
		"policy without id": {"policies.tsv": "x\n"},
	}
	for name, change := range bad {
		parts := map[string]string{}
		for k, v := range good {
			parts[k] = v
		}
		for k, v := range change {
			parts[k] = v
		}
		if _, err := Load(bytes.NewReader(archive(t, parts))); !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("%s: error %v: want ErrInvalid", name, err)
		}
	}
	if _, err := Load(strings.NewReader("not an archive")); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("no archive: error %v: want ErrInvalid", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte("PK"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := Load(bytes.NewReader(text)); err != nil && !errors.Is(err, retinue.ErrInvalid) {
			t.Fatalf("error %v does not wrap ErrInvalid", err)
		}
	})
}

func BenchmarkExpandAll(b *testing.B) {
	d := embeddedData(b)
	for b.Loop() {
		d.Expand("*:*")
	}
}

// BenchmarkManyPolicies answers with fifty of AWS's managed policies attached.
func BenchmarkManyPolicies(b *testing.B) {
	d := embeddedData(b)
	var l awsiam.Layers
	for i, arn := range d.ManagedPolicies() {
		if i%31 != 0 || len(l.Identity) == 50 {
			continue
		}
		m, _ := d.ManagedPolicy(arn)
		p, err := awsiam.ParseText(m.Document)
		if err != nil {
			b.Fatal(err)
		}
		l.Identity = append(l.Identity, p.Named(arn))
	}
	p, err := awsiam.ParsePrincipal("arn:aws:iam::111111111111:user/a")
	if err != nil {
		b.Fatal(err)
	}
	r := awsiam.Request{Action: "s3:PutBucketPolicy", Resource: "arn:aws:s3:::b", Principal: p}
	b.ReportAllocs()
	for b.Loop() {
		awsiam.Decide(&l, &r, awsiam.Closed)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
}
