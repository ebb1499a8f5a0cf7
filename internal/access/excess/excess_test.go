package excess_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/excess"
)

func grant(c access.Consequence, sentence string, actions []string, resources ...string) access.Held {
	return access.Held{Consequence: c, Sentence: sentence, Actions: actions, Resources: resources, Outcome: access.Allowed}
}

var (
	administrator = grant(access.Administers, "may do everything", []string{"*"}, "*")
	bucket        = grant(access.ReadsData, "reads the objects of the bucket logs", []string{"s3:GetObject"}, "arn:aws:s3:::logs/*")
	allBuckets    = grant(access.ReadsData, "reads every object", []string{"s3:Get*"}, "arn:aws:s3:::*")
	secrets       = grant(access.ReadsSecrets, "reads every secret", []string{"secretsmanager:GetSecretValue"}, "*")
	firewall      = grant(access.ExposesResources, "opens ports to anyone", []string{"ec2:AuthorizeSecurityGroupIngress"}, "*")
	passRole      = grant(access.Escalates, "passes any role", []string{"iam:PassRole"}, "*")
	functions     = grant(access.Changes, "makes functions", []string{"lambda:*"}, "*")
	lists         = grant(access.Looks, "lists machines", []string{"ec2:Describe*"}, "*")
)

func TestOf(t *testing.T) {
	for _, c := range []struct {
		name  string
		in    excess.Input
		score int
		level retinue.Severity
		says  string // in the sentence
		holds func(excess.Excess) bool
	}{
		{name: "nothing", score: 0, level: retinue.SeverityInfo, says: "nothing that is known"},
		{
			name: "administrator", in: excess.Input{Held: []access.Held{administrator, bucket}},
			score: 100, level: retinue.SeverityCritical, says: "100 of 100: it may do everything.",
			holds: func(e excess.Excess) bool { return e.Administrator && len(e.Combinations) == 0 },
		},
		{
			name:  "administrator under a condition",
			in:    excess.Input{Held: []access.Held{{Consequence: access.Administers, Sentence: "may do everything", Actions: []string{"*"}, Outcome: access.Conditional}}},
			score: 80, level: retinue.SeverityHigh, // 0.7, and combinations as sure as that
			holds: func(e excess.Excess) bool { return !e.Administrator && len(e.Combinations) > 0 },
		},
		{
			name:  "administrator of a namespace",
			in:    excess.Input{Held: []access.Held{{Consequence: access.Administers, Sentence: "administers pay", Within: "pay", Outcome: access.Allowed}}},
			score: 60, level: retinue.SeverityMedium,
			holds: func(e excess.Excess) bool { return !e.Administrator },
		},
		{
			name: "one bucket", in: excess.Input{Held: []access.Held{bucket}},
			score: 17, level: retinue.SeverityLow, says: "17 of 100: it reads the objects of the bucket logs.",
			holds: func(e excess.Excess) bool {
				return len(e.Wildcards) == 0 && len(e.Broad) == 1 && e.Broad[0].Breadth == excess.Part && e.Privileged[0].Class == "data access"
			},
		},
		{
			name: "every bucket", in: excess.Input{Held: []access.Held{allBuckets}},
			score: 28, level: retinue.SeverityLow,
			holds: func(e excess.Excess) bool {
				return len(e.Wildcards) == 1 && e.Wildcards[0].Actions[0] == "s3:Get*" && e.Broad[0].Breadth == excess.Type
			},
		},
		{
			name: "looking only", in: excess.Input{Held: []access.Held{lists}}, score: 3, level: retinue.SeverityInfo,
			holds: func(e excess.Excess) bool {
				return len(e.Broad) == 0 && len(e.Privileged) == 0 && len(e.Wildcards) == 1
			},
		},
		{
			name: "secrets and a way out", in: excess.Input{Held: []access.Held{secrets, firewall}},
			score: 89, level: retinue.SeverityHigh,
			holds: func(e excess.Excess) bool {
				return e.Combinations[0].ID == "secrets-and-opening" && slices.Equal(e.Combinations[0].Grants, []string{"reads every secret", "opens ports to anyone"})
			},
		},
		{
			name: "passing roles to functions, by a wildcard", in: excess.Input{Held: []access.Held{passRole, functions}},
			score: 91, level: retinue.SeverityCritical, says: "passes any role",
			holds: func(e excess.Excess) bool { return e.Combinations[0].ID == "pass-role-and-compute" },
		},
		{
			name: "secrets and workloads of a cluster",
			in: excess.Input{Held: []access.Held{
				{Consequence: access.ReadsSecrets, Sentence: "reads the secrets of the cluster", Actions: []string{"get", "list"}, Resources: []string{"secrets"}, Outcome: access.Allowed},
				{Consequence: access.Escalates, Sentence: "runs pods in namespace pay", Actions: []string{"create"}, Resources: []string{"pay/pods"}, Within: "namespace pay", Outcome: access.Allowed}}},
			score: 86, level: retinue.SeverityHigh,
			holds: func(e excess.Excess) bool {
				return len(e.Combinations) == 1 && e.Combinations[0].ID == "secrets-and-workloads" && e.Broad[0].Breadth == excess.Type
			},
		},
		{
			name:  "one secret of a cluster",
			in:    excess.Input{Held: []access.Held{{Consequence: access.ReadsSecrets, Sentence: "reads one", Actions: []string{"get"}, Resources: []string{"pay/secrets:db"}, Within: "namespace pay", Outcome: access.Allowed}}},
			score: 15, level: retinue.SeverityLow, holds: func(e excess.Excess) bool { return len(e.Broad) == 0 },
		},
		{
			name: "files and programs of a database server",
			in: excess.Input{Held: []access.Held{
				{Consequence: access.ReadsSecrets, Sentence: "reads files", Actions: []string{"use role"}, Resources: []string{"role pg_read_server_files"}, Outcome: access.Allowed},
				{Consequence: access.Escalates, Sentence: "runs programs", Actions: []string{"set role"}, Resources: []string{"role pg_execute_server_program"}, Outcome: access.Allowed}}},
			score: 66, level: retinue.SeverityMedium,
			holds: func(e excess.Excess) bool { return e.Combinations[0].ID == "server-files-and-programs" },
		},
		{
			name:  "known to be an administrator",
			in:    excess.Input{Administrator: true, Held: []access.Held{grant(access.Administers, "owns everything in the project shop", []string{"roles/owner"}, "//cloudresourcemanager.googleapis.com/projects/shop")}},
			score: 100, level: retinue.SeverityCritical, says: "100 of 100: it owns everything in the project shop.",
			holds: func(e excess.Excess) bool { return e.Administrator },
		},
		{
			name: "reach alone", in: excess.Input{Held: []access.Held{lists}, Reach: &excess.Reach{Administrators: 2, Identities: 9}},
			score: 86, level: retinue.SeverityHigh, says: "can come to act as 2 administrators",
			holds: func(e excess.Excess) bool { return len(e.Unsure) == 0 },
		},
		{
			name:  "restricted data in production",
			in:    excess.Input{Reach: &excess.Reach{Resources: []excess.Reached{{"public", retinue.EnvironmentSandbox, 4000}, {"restricted", retinue.EnvironmentProduction, 10}}}},
			score: 40, level: retinue.SeverityMedium, says: "reaches 10 resources with restricted data in production",
		},
		{
			name:  "a token of everything",
			in:    excess.Input{Tokens: []excess.Token{{Name: "ci", Vendor: "github", Scopes: []string{"read:user", "repo, admin:org"}}}},
			score: 50, level: retinue.SeverityMedium, says: "holds a token whose scope admin:org administers organisations",
			holds: func(e excess.Excess) bool {
				return len(e.Tokens) == 1 && len(e.Tokens[0].Scopes) == 2 && e.Tokens[0].Scopes[0].Narrower == "read:org"
			},
		},
		{
			name: "never used", in: excess.Input{Held: []access.Held{bucket, secrets}, Uses: []excess.Use{{Action: "s3:getobject", Resource: "arn:aws:s3:::logs/2026/1"}}},
			score: 67, level: retinue.SeverityMedium, says: "of 2 grants, 1 was never used",
			holds: func(e excess.Excess) bool {
				return e.Unused.Never == 1 && e.Unused.Score == 60 && slices.Equal(e.Unused.Sentences, []string{"reads every secret"})
			},
		},
		{
			name: "not understood", in: excess.Input{Held: []access.Held{{Consequence: access.Escalates, Sentence: "writes policies", Outcome: access.Unknown}}},
			score: 32, level: retinue.SeverityLow,
			holds: func(e excess.Excess) bool { return strings.Contains(e.Unsure[0], "1 grant is not wholly understood") },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := excess.Of(c.in)
			if e.Score != c.score || e.Level != c.level || !strings.Contains(e.Sentence, c.says) {
				t.Errorf("%d %s %q, want %d %s and %q", e.Score, e.Level, e.Sentence, c.score, c.level, c.says)
			}
			if c.holds != nil && !c.holds(e) {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestBreadth(t *testing.T) {
	for resource, want := range map[string]excess.Breadth{
		"*": excess.Everything, "": excess.Everything, "/": excess.Everything, "arn:aws:*:*:*:*": excess.Everything,
		"arn:aws:s3:::*": excess.Type, "arn:aws:iam::111122223333:role/*": excess.Type, "arn:aws:s3*": excess.Type,
		"arn:aws:s3:::*/public": excess.Type, "arn:aws:lambda:eu-west-1:111122223333:function:*": excess.Type,
		"arn:aws:s3:::logs/*": excess.Part, "arn:aws:iam::111122223333:role/app-*": excess.Part, "arn:aws:dynamodb:*:111122223333:table/orders": excess.Part,
		"arn:aws:s3:::home/${aws:username}/*": excess.Part, "arn:aws:s3:::logs": excess.Named, "arn:aws:sqs:*:*:jobs": excess.Part,
		"/subscriptions/0f0f": excess.Type, "/subscriptions/0f0f/resourceGroups/pay": excess.Part, "/subscriptions/0f0f/resourceGroups/pay/providers/Microsoft.KeyVault/vaults/v": excess.Named,
		"//cloudresourcemanager.googleapis.com/projects/p": excess.Type, "organizations/1": excess.Type, "projects/p/secrets/s": excess.Named,
		"/providers/Microsoft.Management/managementGroups/all": excess.Type, "table public.orders": excess.Named,
	} {
		if got := excess.BreadthOf([]string{resource}); got != want {
			t.Errorf("%q is %s, want %s", resource, got, want)
		}
	}
	if excess.BreadthOf(nil) != excess.Everything {
		t.Error("no resources are not everything")
	}
	if excess.BreadthOf([]string{"arn:aws:s3:::a", "arn:aws:s3:::*"}) != excess.Type {
		t.Error("the widest does not count")
	}
}

func TestScopes(t *testing.T) {
	for _, c := range []struct {
		vendor string
		scopes []string
		want   []string
	}{
		{"github", []string{"read:org", "read:user", "gist", "contents: read"}, nil},
		{"github", []string{"public_repo", "repo"}, []string{"repo"}},
		{"gitlab", []string{"read_api", "api"}, []string{"api"}},
		{"slack", []string{"admin.users:write", "admin.users:read", "chat:write"}, []string{"admin.users:write"}},
		{"google", []string{"https://www.googleapis.com/auth/drive.file", "https://www.googleapis.com/auth/drive"}, []string{"https://www.googleapis.com/auth/drive"}},
		{"google", []string{"https://www.googleapis.com/auth/admin.directory.user.readonly", "https://www.googleapis.com/auth/admin.directory.user"},
			[]string{"https://www.googleapis.com/auth/admin.directory.user", "https://www.googleapis.com/auth/admin.directory.user.readonly"}},
		{"microsoft", []string{"User.Read", "Directory.ReadWrite.All", "Tasks.ReadWrite.All"}, []string{"Directory.ReadWrite.All", "Tasks.ReadWrite.All"}},
		{"okta", []string{"okta.users.read", "okta.users.manage.self", "okta.users.manage"}, []string{"okta.users.manage", "okta.users.manage.self"}},
		{"", []string{"read", "api", "full", "admin:org"}, []string{"admin:org"}}, // whose words the others are is not known
		{"someone-else", []string{"admin:org", "*"}, nil},
	} {
		var got []string
		for _, w := range excess.WideScopes(c.vendor, c.scopes) {
			got = append(got, w.Scope)
			if w.Gives == "" || w.Narrower == "" || w.Source == "" || !slices.Contains(access.Consequences(), w.Consequence) {
				t.Errorf("%+v: something is missing", w)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s %q: %q are wide, want %q", c.vendor, c.scopes, got, c.want)
		}
	}
	for words, want := range map[string]string{"github-pat": "github", "gitlab-deploy-token": "gitlab", "slack-bot-token": "slack", "gcp:proj": "google",
		"entra:tenant": "microsoft", "aws:1": ""} {
		if got := excess.Vendor(words); got != want {
			t.Errorf("%s is of %q, want %q", words, got, want)
		}
	}
}

// TestTable holds the table of combinations to its form, and shows that each
// entry is met by grants of its own actions and not without any one of them.
func TestTable(t *testing.T) {
	seen := make(map[string]bool)
	for _, r := range excess.Combinations() {
		if r.ID == "" || seen[r.ID] || r.Title == "" || r.Source == "" || len(r.Needs) < 2 {
			t.Errorf("%+v: not a combination", r)
		}
		seen[r.ID] = true
		var list []access.Held
		for i, n := range r.Needs {
			h := access.Held{Consequence: access.Looks, Sentence: fmt.Sprint("need ", i), Outcome: access.Allowed}
			if len(n.Actions) > 0 {
				h.Actions = n.Actions[:1]
			} else {
				h.Consequence = n.Consequences[0]
			}
			for _, a := range n.Actions {
				if a != strings.ToLower(a) {
					t.Errorf("%s: the action %s is not in lower case", r.ID, a)
				}
			}
			list = append(list, h)
		}
		has := func(list []access.Held) bool {
			return slices.ContainsFunc(excess.Of(excess.Input{Held: list}).Combinations, func(c excess.Combination) bool { return c.ID == r.ID })
		}
		if !has(list) {
			t.Errorf("%s: not found where it is held", r.ID)
		}
		for i := range list {
			if has(slices.Delete(slices.Clone(list), i, i+1)) {
				t.Errorf("%s: found without need %d", r.ID, i)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("%d combinations", len(seen))
	}
}

type generator struct{ *rand.Rand }

func (g generator) pick(stock ...string) string { return stock[g.IntN(len(stock))] }

func (g generator) held() access.Held {
	consequences := access.Consequences()
	h := access.Held{Consequence: consequences[g.IntN(len(consequences))], Sentence: g.pick("reads", "writes", "passes", "opens"),
		Outcome: []access.Outcome{access.Allowed, access.Conditional, access.Unknown}[g.IntN(3)]}
	for range 1 + g.IntN(2) {
		h.Actions = append(h.Actions, g.pick("s3:*", "iam:PassRole", "lambda:CreateFunction", "ec2:AuthorizeSecurityGroupIngress", "kms:Decrypt", "*", "get secrets", "create pods"))
	}
	if g.IntN(2) == 0 {
		h.Resources = []string{g.pick("*", "arn:aws:s3:::a", "arn:aws:s3:::a/*", "arn:aws:iam::1:role/*")}
	}
	if g.IntN(4) == 0 {
		h.Within = "pay"
	}
	return h
}

func (g generator) input() excess.Input {
	var in excess.Input
	for range g.IntN(5) {
		in.Held = append(in.Held, g.held())
	}
	if g.IntN(2) == 0 {
		in.Reach = &excess.Reach{Administrators: g.IntN(2), MaybeAdministrators: g.IntN(2), Identities: g.IntN(20)}
		for range g.IntN(3) {
			in.Reach.Resources = append(in.Reach.Resources, g.reached())
		}
	}
	for range g.IntN(2) {
		in.Tokens = append(in.Tokens, g.token())
	}
	return in
}

func (g generator) reached() excess.Reached {
	return excess.Reached{g.pick("", "pci", "internal", "public", "blue"), retinue.Environment(g.pick("", "production", "sandbox")), g.IntN(2000)}
}

func (g generator) token() excess.Token {
	return excess.Token{Name: "t", Vendor: "github", Scopes: []string{g.pick("repo", "read:org", "user", "admin:org")}}
}

// TestMoreIsNeverLess adds one thing to random inputs: the score never sinks.
func TestMoreIsNeverLess(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(3, 1))}
	for range 5000 {
		in := g.input()
		before := excess.Of(in)
		more, what := in, ""
		switch g.IntN(4) {
		case 0:
			more.Held, what = append(slices.Clone(in.Held), g.held()), "a grant"
		case 1:
			more.Tokens, what = append(slices.Clone(in.Tokens), g.token()), "a token"
		case 2:
			reach := excess.Reach{}
			if in.Reach != nil {
				reach = *in.Reach
			}
			reach.Administrators, reach.Identities = reach.Administrators+g.IntN(2), reach.Identities+1
			reach.Resources = append(slices.Clone(reach.Resources), g.reached())
			more.Reach, what = &reach, "reach"
		case 3:
			if len(in.Held) == 0 {
				continue
			}
			more.Held, what = slices.Clone(in.Held), "certainty"
			more.Held[0].Outcome, more.Held[0].Within = access.Allowed, ""
		}
		if after := excess.Of(more); after.Score < before.Score {
			t.Fatalf("%s lowers %d to %d:\n%+v\n%+v", what, before.Score, after.Score, in, more)
		}
	}
}

// TestOrderPlaysNoPart shuffles the grants, and gives each twice.
func TestOrderPlaysNoPart(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(4, 1))}
	for range 1000 {
		in := g.input()
		want := excess.Of(in)
		in.Held = append(slices.Clone(in.Held), in.Held...)
		g.Shuffle(len(in.Held), func(i, j int) { in.Held[i], in.Held[j] = in.Held[j], in.Held[i] })
		if got := excess.Of(in); got.Score != want.Score || got.Sentence != want.Sentence {
			t.Fatalf("%d %q, then %d %q", want.Score, want.Sentence, got.Score, got.Sentence)
		}
	}
}
