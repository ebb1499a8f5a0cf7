package steward_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/steward"
)

const (
	id1 = "own_0000000000000000000000000a"
	id2 = "own_0000000000000000000000000b"
)

func subject() *steward.Subject {
	return &steward.Subject{
		Name: "payments-worker", Key: "arn:aws:iam::111122223333:role/payments-worker", Realm: "aws:111122223333",
		Kind: retinue.IdentityRole, Subtype: "iam_role", Labels: map[string]string{"team": "payments", "app": "payments-api"}, Sources: []string{"aws-prod"},
		Containers: []steward.Container{{ID: "ctn_0000000000000000000000000n", Key: "pay", Name: "pay", Kind: retinue.ContainerNamespace, Labels: map[string]string{"cost-centre": "4711"}},
			{Key: "111122223333", Name: "production", Kind: retinue.ContainerAccount}},
		Declared: []retinue.Place{{Path: "infra/payments/iam.tf", Container: retinue.NewRef("git:1", "repository", "tidewater/infra")}},
	}
}

func TestEveryFieldOfAMatch(t *testing.T) {
	for _, c := range []struct {
		name  string
		match steward.Match
		hit   bool
		why   string
	}{
		{"account by number", steward.Match{Accounts: []string{"111122223333"}}, true, "account 111122223333"},
		{"account by name, without regard to case", steward.Match{Accounts: []string{"PROD*"}}, true, "account production matches PROD*"},
		{"another account", steward.Match{Accounts: []string{"444455556666"}}, false, ""},
		{"unit by id", steward.Match{Units: []string{"ctn_0000000000000000000000000n"}}, true, ""},
		{"unit by name", steward.Match{Units: []string{"pay"}}, true, "unit pay"},
		{"namespace", steward.Match{Namespaces: []string{"p?y"}}, true, "namespace pay matches p?y"},
		{"an account is no namespace", steward.Match{Namespaces: []string{"production"}}, false, ""},
		{"tag", steward.Match{Tags: []string{"team=payments"}}, true, "tag team=payments"},
		{"tag by key", steward.Match{Tags: []string{"team"}}, true, "tag team"},
		{"tag of a container", steward.Match{Tags: []string{"cost-centre=*"}}, true, "tag cost-centre=4711 matches cost-centre=*"},
		{"tag with another value", steward.Match{Tags: []string{"team=billing"}}, false, ""},
		{"path", steward.Match{Paths: []string{"infra/payments/*"}}, true, "path infra/payments/iam.tf matches infra/payments/*"},
		{"repository", steward.Match{Repositories: []string{"tidewater/*"}}, true, "repository tidewater/infra matches tidewater/*"},
		{"application by label", steward.Match{Applications: []string{"payments-api"}}, true, "application payments-api"},
		{"name", steward.Match{Names: []string{"payments-*"}}, true, "name payments-worker matches payments-*"},
		{"source", steward.Match{Sources: []string{"aws-prod"}}, true, "source aws-prod"},
		{"kind", steward.Match{Kinds: []string{"role"}}, true, "kind role"},
		{"subtype", steward.Match{Kinds: []string{"iam_user"}}, false, ""},
		{"alternatives", steward.Match{Names: []string{"x", "payments-worker"}}, true, "name payments-worker"},
		{"every field must match", steward.Match{Names: []string{"payments-*"}, Kinds: []string{"bot"}}, false, ""},
		{"two fields match", steward.Match{Names: []string{"payments-worker"}, Kinds: []string{"role"}}, true, "name payments-worker, kind role"},
		{"nothing given matches nothing", steward.Match{}, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			set := steward.RuleSet{Rules: []steward.Rule{{ID: id1, Match: c.match, Owner: "payments"}}}
			got := set.Settle(subject())
			if (got.How == steward.HowRule) != c.hit {
				t.Fatalf("settled %+v, want a match: %v", got, c.hit)
			}
			if c.why != "" && got.Why != c.why {
				t.Errorf("why %q, want %q", got.Why, c.why)
			}
		})
	}
}

func TestAnExplicitOwnerWinsAndTheFirstRuleDecides(t *testing.T) {
	set := steward.RuleSet{
		Rules: []steward.Rule{{ID: id1, Match: steward.Match{Names: []string{"payments-*"}}, Owner: "payments", Backup: "platform"},
			{ID: id2, Match: steward.Match{Kinds: []string{"role"}}, Owner: "platform"}},
		Fallback: &steward.Assignee{Owner: "it"},
	}
	if got := set.Settle(subject()); got.Owner != "payments" || got.Rule != id1 || got.Backup != "platform" {
		t.Errorf("settled %+v, want by the first rule", got)
	}
	mine := subject()
	mine.Owner = "ada@example.com"
	if got := set.Settle(mine); got.Owner != "ada@example.com" || got.How != steward.HowExplicit || got.Rule != "" {
		t.Errorf("settled %+v, want by a person's word", got)
	}
	other := subject()
	other.Name, other.Key, other.Kind = "x", "x", retinue.IdentityBot
	if got := set.Settle(other); got.Owner != "it" || got.How != steward.HowFallback {
		t.Errorf("settled %+v, want the fallback", got)
	}
	set.Fallback = nil
	if got := set.Settle(other); got.Owner != "" || got.How != steward.HowNone {
		t.Errorf("settled %+v, want nobody", got)
	}
}

func TestPreviewCounts(t *testing.T) {
	set := steward.RuleSet{Rules: []steward.Rule{{ID: id1, Match: steward.Match{Names: []string{"payments-*"}}, Owner: "payments"},
		{ID: id2, Match: steward.Match{Kinds: []string{"role"}}, Owner: "platform"}}}
	p := steward.NewPreviewer(set)
	p.Add("idn_1", subject(), "payments") // as it is already
	explicit := subject()
	explicit.Owner = "ada@example.com"
	p.Add("idn_2", explicit, "ada@example.com")
	role := subject()
	role.Name, role.Key = "etl", "etl"
	p.Add("idn_3", role, "")
	bot := subject()
	bot.Name, bot.Key, bot.Kind = "bot", "bot", retinue.IdentityBot
	p.Add("idn_4", bot, "someone")
	got := p.Preview()
	if got.Identities != 4 || got.Explicit != 1 || got.Unowned != 1 || got.Changes != 2 {
		t.Errorf("preview %+v", got)
	}
	first, second := got.Rules[0], got.Rules[1]
	if first.Settles != 1 || first.Explicit != 1 || first.Changes != 0 || len(first.Examples) != 1 {
		t.Errorf("first rule %+v", first)
	}
	if second.Settles != 1 || second.Explicit != 1 || second.Earlier != 1 || second.Changes != 1 || second.Examples[0].ID != "idn_3" {
		t.Errorf("second rule %+v", second)
	}
}

func TestRuleSetsAreChecked(t *testing.T) {
	good := steward.Rule{ID: id1, Match: steward.Match{Names: []string{"x"}}, Owner: "o"}
	for _, c := range []struct {
		name  string
		set   steward.RuleSet
		field string
	}{
		{"good", steward.RuleSet{Rules: []steward.Rule{good}}, ""},
		{"id", steward.RuleSet{Rules: []steward.Rule{{ID: "x", Match: good.Match, Owner: "o"}}}, "body.rules[0].id"},
		{"twice", steward.RuleSet{Rules: []steward.Rule{good, good}}, "body.rules[1].id"},
		{"owner", steward.RuleSet{Rules: []steward.Rule{{ID: id1, Match: good.Match, Owner: " "}}}, "body.rules[0].owner"},
		{"nothing", steward.RuleSet{Rules: []steward.Rule{{ID: id1, Owner: "o"}}}, "body.rules[0].match"},
		{"empty value", steward.RuleSet{Rules: []steward.Rule{{ID: id1, Match: steward.Match{Tags: []string{"a", ""}}, Owner: "o"}}}, "body.rules[0].match.tags[1]"},
		{"control", steward.RuleSet{Rules: []steward.Rule{{ID: id1, Match: good.Match, Owner: "o\u202e"}}}, "body.rules[0].owner"},
		{"fallback", steward.RuleSet{Fallback: &steward.Assignee{}}, "body.fallback.owner"},
		{"long", steward.RuleSet{Rules: []steward.Rule{{ID: id1, Title: strings.Repeat("x", 600), Match: good.Match, Owner: "o"}}}, "body.rules[0].title"},
	} {
		err := c.set.Validate()
		var f *retinue.FieldError
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.field != "" && (!errors.As(err, &f) || f.Field != c.field || !errors.Is(err, retinue.ErrInvalid)):
			t.Errorf("%s: error %v, want one at %s", c.name, err, c.field)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{{"a", "A", true}, {"a*", "abc", true}, {"*c", "abc", true}, {"a*c", "abdc", true}, {"a?c", "abc", true}, {"a?c", "ac", false},
		{"*", "", true}, {"", "", true}, {"", "a", false}, {"a**b", "ab", true}, {"*a*b*", "xxaxxbxx", true}, {"ä*", "Äb", true}, {"a", "ab", false}} {
		if got := steward.Glob(c.pattern, c.text); got != c.want {
			t.Errorf("Glob(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
}

func directory() *steward.Directory {
	d := &steward.Directory{}
	d.Add(steward.Party{Name: "ada@example.com", Kind: retinue.FactPerson, Title: "Ada Achterberg", Teams: []string{"payments"}, Manager: "max@example.com"}, "ada")
	d.Add(steward.Party{Name: "max@example.com", Kind: retinue.FactPerson, Title: "Max Moreau", Teams: []string{"payments"}})
	d.Add(steward.Party{Name: "gone@example.com", Kind: retinue.FactPerson, Title: "Gita Greco", Left: true, Teams: []string{"payments"}, Manager: "max@example.com"})
	d.Add(steward.Party{Name: "payments", Kind: retinue.FactTeam, Title: "Payments"})
	d.Add(steward.Party{Name: "platform", Kind: retinue.FactTeam, Title: "Platform Engineering"})
	return d
}

func TestSuggest(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		signals []steward.Signal
		denied  []string
		first   string
		conf    steward.Confidence
		summary string
		lacks   string // an owner that must not be suggested
	}{
		{name: "nothing is known"},
		{name: "one tag", signals: []steward.Signal{{Kind: "tag", Candidate: "payments"}}, first: "payments", conf: steward.ConfidenceMedium, summary: "one signal: tag"},
		{name: "three agree", signals: []steward.Signal{{Kind: "codeowners", Candidate: "@acme/payments"}, {Kind: "tag", Candidate: "Payments"}, {Kind: "deployer", Candidate: "payments"}},
			first: "payments", conf: steward.ConfidenceHigh, summary: "three signals agree: tag, CODEOWNERS, last deployer"},
		{name: "a person's evidence speaks for the team", signals: []steward.Signal{{Kind: "creator", Candidate: "ada@example.com"}, {Kind: "codeowners", Candidate: "@acme/payments"}},
			first: "payments", conf: steward.ConfidenceMedium, summary: "two signals agree: CODEOWNERS, creator"},
		{name: "two teams contest it", signals: []steward.Signal{{Kind: "tag", Candidate: "payments"}, {Kind: "label", Candidate: "platform"}},
			first: "payments", conf: steward.ConfidenceMedium, summary: "one signal: tag; other evidence names somebody else"},
		{name: "weak hint", signals: []steward.Signal{{Kind: "git_author", Candidate: "ada"}}, first: "ada@example.com", conf: steward.ConfidenceLow, summary: "one signal: git author"},
		{name: "who left is not suggested", signals: []steward.Signal{{Kind: "tag", Candidate: "gone@example.com"}}, first: "payments", conf: steward.ConfidenceLow,
			summary: "one signal: tag; in place of Gita Greco, who left", lacks: "gone@example.com"},
		{name: "nobody knows the name", signals: []steward.Signal{{Kind: "tag", Candidate: "skunkworks"}, {Kind: "label", Candidate: "skunkworks"}}, first: "skunkworks", conf: steward.ConfidenceMedium,
			summary: "two signals agree: label, tag; no directory knows this name"},
		{name: "turned down", signals: []steward.Signal{{Kind: "tag", Candidate: "payments"}, {Kind: "creator", Candidate: "max@example.com"}}, denied: []string{"Payments"},
			first: "max@example.com", conf: steward.ConfidenceLow, lacks: "payments"},
		{name: "old evidence counts less", signals: []steward.Signal{{Kind: "creator", Candidate: "platform", At: now.AddDate(-5, 0, 0)}, {Kind: "creator", Candidate: "payments", At: now.AddDate(0, -1, 0)}},
			first: "payments", conf: steward.ConfidenceLow},
		{name: "the same sort twice counts once", signals: []steward.Signal{{Kind: "git_author", Candidate: "ada"}, {Kind: "git_author", Candidate: "ada@example.com", Quote: "x"}},
			first: "ada@example.com", conf: steward.ConfidenceLow},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := steward.Suggest(c.signals, directory(), c.denied, now)
			if c.first == "" {
				if len(got) > 0 {
					t.Fatalf("suggested %+v", got)
				}
				return
			}
			if len(got) == 0 || got[0].Owner != c.first || got[0].Confidence != c.conf || c.summary != "" && got[0].Summary != c.summary {
				t.Fatalf("suggested %+v", got)
			}
			if len(got[0].Evidence) == 0 || got[0].Strength < 1 || got[0].Strength > 100 {
				t.Errorf("suggestion %+v lacks evidence or strength", got[0])
			}
			if slices.ContainsFunc(got, func(s steward.Suggestion) bool { return s.Owner == c.lacks }) {
				t.Errorf("suggested %s: %+v", c.lacks, got)
			}
		})
	}
}

func TestSucceed(t *testing.T) {
	got := steward.Succeed("gone@example.com", "platform", directory())
	var names []string
	for _, s := range got {
		names = append(names, s.Owner)
	}
	if want := []string{"platform", "payments", "max@example.com"}; !slices.Equal(names, want) {
		t.Errorf("successors %v, want %v", names, want)
	}
	if got := steward.Succeed("nobody@example.com", "", directory()); len(got) != 0 {
		t.Errorf("successors %+v of somebody unknown", got)
	}
}

func TestDirectoryFindsNobodyUnderASharedName(t *testing.T) {
	d := &steward.Directory{}
	d.Add(steward.Party{Name: "a@x", Kind: retinue.FactPerson, Title: "Sam"})
	d.Add(steward.Party{Name: "b@x", Kind: retinue.FactPerson, Title: "sam"})
	if p, ok := d.Find("Sam"); ok {
		t.Errorf("found %+v", p)
	}
	if p, ok := d.Find("@B@x"); !ok || p.Title != "sam" {
		t.Errorf("found %+v, %v", p, ok)
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("a*b?c", "aXXbYc")
	f.Fuzz(func(t *testing.T, p, s string) {
		if len(p) > 200 || len(s) > 2000 {
			t.Skip()
		}
		if got := steward.Glob("*", s); !got {
			t.Errorf("* does not match %q", s)
		}
		steward.Glob(p, s)
	})
}
