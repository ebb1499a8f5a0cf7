package aws_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/connectortest"
	"github.com/retinue-id/retinue/internal/testkit"
)

func scopeOf(path string) retinue.Scope {
	return retinue.NewScope(realm, strings.Split(path, "/")...)
}

func TestUsersGroupsAndPolicies(t *testing.T) {
	r := scan(t, writeExport(t, map[string]string{"a.json": authz}))
	deploy := retinue.NewRef(realm, "user", "arn:aws:iam::111111111111:user/ci/deploy")
	group := retinue.NewRef(realm, "group", "arn:aws:iam::111111111111:group/teams/builders")
	edge := retinue.NewRef(realm, "policy", "arn:aws:iam::111111111111:policy/edge")
	want := []retinue.Fact{
		retinue.Membership{Group: group, Member: deploy},
		retinue.Attachment{Policy: edge, Target: deploy, Role: retinue.AttachBoundary},
		retinue.Attachment{Policy: edge, Target: group, Role: retinue.AttachGroup},
		retinue.Attachment{Policy: retinue.NewRef("aws:aws", "policy", "arn:aws:iam::aws:policy/ReadOnlyAccess"), Target: deploy, Role: retinue.AttachIdentity},
		retinue.OwnerSignal{Subject: deploy, Candidate: "platform@example.com", Signal: "tag", Quote: "Owner=platform@example.com"},
	}
	for _, f := range want {
		if !stated(r, f) {
			t.Errorf("not stated: %s", text(t, f))
		}
	}
	inline := connectortest.Get[retinue.Policy](t, r, "policy", deploy.Key+"#inline/push")
	if inline.Document != `{"Version":"2012-10-17","Statement":[]}` {
		t.Errorf("inline document: %s", inline.Document)
	}
	p := connectortest.Get[retinue.Policy](t, r, "policy", edge.Key)
	if p.Version != "v2" || !slices.Equal(p.Attrs["otherVersions"].([]string), []string{"v1 2020-01-02T03:04:05Z"}) {
		t.Errorf("versions: %q, %v", p.Version, p.Attrs)
	}
	if doc := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","NotAction":"s3:*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalTag/<team>":"a"}}}]}`; p.Document != doc {
		t.Errorf("document:\n got %s\nwant %s", p.Document, doc)
	}
	slr := connectortest.Get[retinue.Identity](t, r, "role", "arn:aws:iam::111111111111:role/aws-service-role/support.amazonaws.com/AWSServiceRoleForSupport")
	if slr.Managed != retinue.ManagedByProvider {
		t.Errorf("service-linked role: %+v", slr)
	}
}

func stated(r *connectortest.Result, f retinue.Fact) bool {
	enc, _ := retinue.MarshalFact(f)
	return slices.ContainsFunc(r.Emitted, func(e connectortest.Emitted) bool {
		got, _ := retinue.MarshalFact(e.Fact)
		return string(got) == string(enc)
	})
}

func text(t testing.TB, f retinue.Fact) string {
	t.Helper()
	enc, err := retinue.MarshalFact(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(enc)
}

func TestUses(t *testing.T) {
	r := scan(t, wholeExport(t))
	find := func(key, meaning string) retinue.Use {
		t.Helper()
		for _, u := range connectortest.All[retinue.Use](r) {
			if u.Subject.Key == key && u.Meaning == meaning {
				return u
			}
		}
		t.Fatalf("no use of %s with meaning %s", key, meaning)
		return retinue.Use{}
	}
	if u := find("arn:aws:iam::111111111111:role/web", "last_used_in_400_days"); u.Grade != retinue.GradeC || u.At.Format(time.DateOnly) != "2026-11-01" {
		t.Errorf("role: %+v", u)
	}
	if u := find("arn:aws:iam::111111111111:role/aws-service-role/support.amazonaws.com/AWSServiceRoleForSupport", "last_used_in_400_days"); !u.Never {
		t.Errorf("unused role: %+v", u)
	}
	if u := find("arn:aws:iam::111111111111:user/ci/deploy@2024-01-02T03:04:06Z", "last_used"); u.Precision != 900 || u.Attrs["service"] != "s3" {
		t.Errorf("key: %+v", u)
	}
	if u := find("arn:aws:secretsmanager:eu-west-1:111111111111:secret:prod/db-AbCdEf", "last_read"); u.Precision != 86400 {
		t.Errorf("secret: %+v", u)
	}
	if u := find("arn:aws:iam::111111111111:user/alice", "last_used"); !u.Never || u.Subject.Kind != "password" {
		t.Errorf("password: %+v", u)
	}
}

// TestClass: the authorization details alone leave a user unclear, the report
// decides, and its word weighs more.
func TestClass(t *testing.T) {
	r := scan(t, wholeExport(t))
	for key, want := range map[string]retinue.Class{
		"arn:aws:iam::111111111111:user/ci/deploy": retinue.ClassNonHuman, "arn:aws:iam::111111111111:user/alice": retinue.ClassPerson,
		"arn:aws:iam::111111111111:root": retinue.ClassPerson,
	} {
		got := map[string]retinue.Class{}
		for _, e := range r.Emitted {
			if id, ok := e.Fact.(retinue.Identity); ok && id.Ref.Key == key {
				got[e.Scope.Path] = id.Class
				if id.ClassReason == "" {
					t.Errorf("%s in %s: class without a reason", key, e.Scope)
				}
			}
		}
		if got["iam-credential-report"] != want || (got["iam/users"] != "" && got["iam/users"] != retinue.ClassUnclear) {
			t.Errorf("%s: %v, want %s from the report", key, got, want)
		}
	}
	if l, rep := r.Completed[scopeOf("iam/users")].Authority, r.Completed[scopeOf("iam-credential-report")].Authority; rep <= l {
		t.Errorf("authority of the report %d, of the listing %d", rep, l)
	}
}

// TestKeyOfReportJoinsKeyOfListing: the report has no key ids; a join key of
// user and creation makes both one credential.
func TestKeyOfReportJoinsKeyOfListing(t *testing.T) {
	r := scan(t, wholeExport(t))
	joins := map[string]int{}
	for _, c := range connectortest.All[retinue.Credential](r) {
		for _, j := range c.Joins {
			joins[j.Value]++
		}
	}
	if joins["aws:arn:aws:iam::111111111111:user/ci/deploy@2024-01-02T03:04:06Z"] != 2 {
		t.Errorf("joins: %v", joins)
	}
	if joins["aws:AKIA"+strings.Repeat("EXAMPLE7", 2)] != 1 {
		t.Errorf("the key's id is no join: %v", joins)
	}
}

func TestEveryScopeOfAWholeExportIsComplete(t *testing.T) {
	r := scan(t, wholeExport(t))
	for _, path := range []string{"account", "iam/users", "iam/roles", "iam/groups", "iam/policies", "iam-credential-report", "iam-access-keys",
		"region/eu-west-1/lambda-functions", "region/eu-west-1/lambda-policies", "region/eu-west-1/secrets", "terraform/default"} {
		if _, ok := r.Completed[scopeOf(path)]; !ok {
			t.Errorf("scope %s is not complete: %v", path, r.Problems[scopeOf(path)])
		}
	}
	if len(r.Problems) > 0 {
		t.Errorf("problems: %v", r.Problems)
	}
	if n := r.NotesOf(connector.NoteWarning); len(n) != 1 || !strings.Contains(n[0].Text, "other.json") {
		t.Errorf("warnings: %v", n)
	}
	if len(r.NotesOf(connector.NoteNotCovered)) == 0 {
		t.Error("nothing is said to be not covered")
	}
}

func TestVariablesHoldSecrets(t *testing.T) {
	r := scan(t, wholeExport(t))
	want := connectortest.Key(t).Fingerprint(retinue.NewSecret(secretText("function")))
	fn := "arn:aws:lambda:eu-west-1:111111111111:function:resize"
	c := connectortest.Get[retinue.Credential](t, r, "secret", fn+"#Environment.Variables/UPLOAD_TOKEN")
	if !slices.Contains(c.Fingerprints, want) {
		t.Errorf("fingerprints: %v", c.Fingerprints)
	}
	if n := len(connectortest.Select(r, func(p retinue.Placement) bool { return p.Place.Path == fn })); n != 1 {
		t.Errorf("%d placements in the function, want 1", n)
	}
	key := connectortest.Get[retinue.Credential](t, r, "access_key", "AKIA"+strings.Repeat("EXAMPLE6", 2))
	if !slices.Contains(key.Fingerprints, connectortest.Key(t).Fingerprint(retinue.NewSecret(secretText("state")))) {
		t.Errorf("the secret of the Terraform state has no fingerprint: %+v", key)
	}
}

// TestFileNamesSayNothing: the same content under other names is the same.
func TestFileNamesSayNothing(t *testing.T) {
	a := scan(t, writeExport(t, map[string]string{"222222222222/authz.json": authz}))
	b := scan(t, writeExport(t, map[string]string{"x.json": authz}))
	if a.Dump() != b.Dump() {
		t.Error("the facts depend on the file's name")
	}
}

func TestBadFiles(t *testing.T) {
	for _, tt := range []struct {
		name, file, text string
		kind             error
		says             string
	}{
		{"empty", "a.json", "", retinue.ErrInvalid, "empty"},
		{"other JSON", "a.json", `{"hello": 1}`, retinue.ErrInvalid, "get-account-authorization-details"},
		{"no account", "a.json", `{"UserDetailList": [], "RoleDetailList": [], "GroupDetailList": [], "Policies": []}`, retinue.ErrInvalid, "account="},
		{"text", "a.txt", "hello", retinue.ErrInvalid, "no export"},
		{"nothing", "a.md", "hello", retinue.ErrNotFound, "no JSON"},
		{"deep", "a.json", `{"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, retinue.ErrInvalid, "deep"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := try(t, writeExport(t, map[string]string{tt.file: tt.text}))
			if !errors.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want %v saying %q", err, tt.kind, tt.says)
			}
		})
	}
	if _, err := try(t, filepath.Join(t.TempDir(), "absent")); !errors.Is(err, retinue.ErrNotFound) {
		t.Errorf("absent: %v", err)
	}
}

func TestAccountOption(t *testing.T) {
	dir := writeExport(t, map[string]string{"a.json": `{"UserDetailList": [], "RoleDetailList": [], "GroupDetailList": [], "Policies": []}`})
	r := scan(t, dir, "account", account)
	if _, ok := r.Completed[scopeOf("iam/users")]; !ok {
		t.Errorf("scopes: %v", r.Scopes())
	}
}

func TestBrokenPartsLeaveTheirScopeOpen(t *testing.T) {
	cut := authz[:strings.Index(authz, `"RoleName": "ci"`)]
	for _, tt := range []struct{ name, text, scope, says string }{
		{"truncated", cut, "iam/roles", "ends early"},
		{"more pages", strings.Replace(authz, `"IsTruncated": false`, `"IsTruncated": true, "Marker": "x"`, 1), "iam/users", "IsTruncated"},
		{"element of another type", strings.Replace(authz, `"RoleName": "ci"`, `"RoleName": 7`, 1), "iam/roles", "element 2"},
		{"no ARN", strings.Replace(authz, `"Arn": "arn:aws:iam::111111111111:user/alice", `, "", 1), "iam/users", "no Arn"},
		{"broken trust policy", strings.Replace(authz, `"Statement": {"Effect"`, `"Statement": 7, "X": {"Effect"`, 1), "iam/roles", "trust policy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := scan(t, writeExport(t, map[string]string{"a.json": tt.text}))
			if _, done := r.Completed[scopeOf(tt.scope)]; done {
				t.Errorf("scope %s was completed", tt.scope)
			}
			if errs := r.Problems[scopeOf(tt.scope)]; len(errs) == 0 || !strings.Contains(errors.Join(errs...).Error(), tt.says) {
				t.Errorf("problems %v, want one saying %q", errs, tt.says)
			}
			if r.Count(retinue.FactIdentity) == 0 {
				t.Error("what could be read was not stated")
			}
		})
	}
}

// TestPagesInSeveralFiles: pages that were exported one by one make one listing,
// and overlapping files state each thing once.
func TestPagesInSeveralFiles(t *testing.T) {
	first := `{"UserDetailList": [{"UserName": "a", "Arn": "arn:aws:iam::111111111111:user/a", "GroupList": ["builders"]}], "GroupDetailList": [], "RoleDetailList": [], "Policies": [], "NextToken": "x"}`
	r := scan(t, writeExport(t, map[string]string{"1.json": first, "2.json": authz, "3.json": authz}))
	if len(r.Problems) > 0 {
		t.Errorf("problems: %v", r.Problems)
	}
	n := 0
	for _, f := range r.In(scopeOf("iam/users")) {
		if _, ok := f.(retinue.Identity); ok {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d users, want 3", n)
	}
}

// TestOlderExportDoesNotComeBack: an old export beside a new one is not mixed
// into it.
func TestOlderExportDoesNotComeBack(t *testing.T) {
	dir := writeExport(t, map[string]string{"new.json": authz, "old.json": strings.ReplaceAll(authz, "user/alice", "user/gone")})
	old := connectortest.Epoch().Add(-72 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "old.json"), old, old); err != nil {
		t.Fatal(err)
	}
	r := scan(t, dir)
	for _, id := range connectortest.All[retinue.Identity](r) {
		if strings.HasSuffix(id.Ref.Key, "user/gone") {
			t.Error("a user of the old export was stated")
		}
	}
	if got := r.Completed[scopeOf("iam/users")].ObservedAt; !got.Equal(connectortest.Epoch().Add(-time.Hour)) {
		t.Errorf("observed at %s", got)
	}
	if n := r.NotesOf(connector.NoteWarning); len(n) != 1 || !strings.Contains(n[0].Text, "old.json") {
		t.Errorf("warnings: %v", n)
	}
}

func TestLinksOutOfTheExportAreNotFollowed(t *testing.T) {
	outside := writeExport(t, map[string]string{"x.json": authz})
	dir := writeExport(t, map[string]string{"a.json": strings.ReplaceAll(authz, account, "222222222222")})
	if err := os.Symlink(filepath.Join(outside, "x.json"), filepath.Join(dir, "b.json")); err != nil {
		testkit.Absent(t, "symbolic links: "+err.Error())
	}
	r := scan(t, dir)
	for _, s := range r.Scopes() {
		if s.Realm == realm {
			t.Errorf("scope %s: the link was followed", s)
		}
	}
}

func TestHostileNames(t *testing.T) {
	bad := strings.NewReplacer("user/alice", `user/al\u0007ice\u202e`, `"UserName": "alice"`, `"UserName": "al\u001b[31mice"`).Replace(authz)
	r := scan(t, writeExport(t, map[string]string{"a.json": bad}))
	for _, id := range connectortest.All[retinue.Identity](r) {
		if strings.ContainsAny(id.Ref.Key+id.Name, "\x07\x1b\u202e") {
			t.Errorf("control character in %q %q", id.Ref.Key, id.Name)
		}
	}
}

func TestDryRunOfFiles(t *testing.T) {
	c := opened(t, wholeExport(t))(t, connectortest.Env(t))
	r := connectortest.DiscoverWith(t.Context(), t, c, connector.Request{Now: connectortest.Epoch(), DryRun: true})
	if n := r.NotesOf(connector.NoteWouldRead); len(n) != 1 || !strings.Contains(n[0].Text, account) || len(r.Emitted) > 0 {
		t.Errorf("notes: %v", r.Notes)
	}
}

// TestSeveralAccountsInOneFile: a list of authorization details is one account
// after the other, each its own realm.
func TestSeveralAccountsInOneFile(t *testing.T) {
	other := strings.ReplaceAll(authz, account, "222222222222")
	r := scan(t, writeExport(t, map[string]string{"all.json": "[" + authz + ",\n" + other + "]"}))
	for _, id := range []string{account, "222222222222"} {
		scope := retinue.NewScope(retinue.NewRealm("aws", id), "iam", "users")
		if _, ok := r.Completed[scope]; !ok {
			t.Errorf("scope %s: %v", scope, r.Problems)
		}
		users := 0
		for _, f := range r.In(scope) {
			if u, ok := f.(retinue.Identity); ok {
				users++
				if u.Ref.Realm != scope.Realm {
					t.Errorf("scope %s holds %s", scope, u.Ref)
				}
			}
		}
		if users != 2 {
			t.Errorf("scope %s: %d users, want 2", scope, users)
		}
	}
}
