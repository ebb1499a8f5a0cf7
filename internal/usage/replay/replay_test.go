package replay_test

import (
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage"
	"github.com/retinue-id/retinue/internal/usage/replay"
)

// behaviour is a successful use by a consumer.
func behaviour(action, resource, consumer string) store.Behaviour {
	b := store.Behaviour{Log: "aws.cloudtrail", Realm: "aws:111122223333", Class: retinue.EventManagement, Action: action,
		Consumer: store.Consumer{Kind: "network", Name: consumer}, Outcome: retinue.OutcomeSuccess}
	if resource != "" {
		b.Resource = retinue.NewRef("aws:111122223333", "thing", resource)
	}
	return b
}

// used counts a behaviour n times in the hour of a moment.
func used(b store.Behaviour, n, at int64) store.Used {
	m := store.Month{Month: store.UsageMonth(at), Grain: store.GrainHour, Hours: []store.Tally{{Hour: store.UsageHour(at), N: n, First: at, Last: at}}}
	m.Sum()
	return store.Used{Behaviour: b, Months: []store.Month{m}}
}

// allows answers by "action resource", with others implicitly denied.
type allows map[string]access.Decision

func (a allows) Decide(action, resource string, _ map[string]string) access.Decision {
	if d, ok := a[action+" "+resource]; ok {
		return d
	}
	return access.Decision{Outcome: access.ImplicitlyDenied, Because: []access.Reason{{Layer: "identity policy", Effect: "none", Text: "nothing allows it"}}}
}

var yes = access.Decision{Outcome: access.Allowed}

func only(keys ...string) access.Decision {
	d := access.Decision{Outcome: access.Conditional}
	for _, k := range keys {
		d.Remains = append(d.Remains, access.Condition{Key: k, Operator: "Bool", Values: []string{"true"}})
	}
	return d
}

func TestDisable(t *testing.T) {
	denied := behaviour("a:Denied", "", "x")
	denied.Outcome = retinue.OutcomeDenied
	unknown := behaviour("", "", "x")
	unknown.Class = retinue.EventUnknown
	insight := behaviour("", "", "x")
	insight.Class = retinue.EventInsight
	doubtful := behaviour("a:Doubt", "", "y")
	r := replay.Run([]store.Used{used(behaviour("a:Do", "r", "x"), 3, 7200), used(behaviour("a:Do", "r", "y"), 2, 3600), used(denied, 5, 0), used(unknown, 1, 0),
		used(insight, 9, 0), used(doubtful, 4, 9000)},
		replay.Disable{Doubt: func(b *store.Behaviour) string {
			if b.Action == "a:Doubt" {
				return "which credential is not known"
			}
			return ""
		}})
	want := replay.Coverage{Uses: 10, Judged: 5, Behaviours: 4, JudgedBehaviours: 2, Denied: 5}
	if r.Coverage != want {
		t.Errorf("coverage %+v, want %+v", r.Coverage, want)
	}
	if len(r.RefusedBy) != 2 || r.RefusedBy[0].Name != "x" || r.RefusedBy[0].Uses != 3 || r.RefusedBy[0].Last.Unix() != 7200 || r.RefusedBy[1].Uses != 2 {
		t.Errorf("refused by %+v", r.RefusedBy)
	}
	if r.Counts[replay.Refused] != 5 || r.Counts[replay.Unjudged] != 5 {
		t.Errorf("counts %v", r.Counts)
	}
}

func TestGrants(t *testing.T) {
	instances := func(_, resource string) ([]string, bool) {
		switch resource {
		case "part*":
			return []string{"part1", "part2"}, true
		case "many*":
			return nil, false
		}
		return []string{resource}, true
	}
	notOwn := access.Decision{Outcome: access.Unknown, Because: []access.Reason{{Layer: "resource policy", Effect: "none", Text: "not read, and could allow it"},
		{Layer: "identity policy", Effect: "none", Text: "no identity policy allows it"}}}
	unclear := access.Decision{Outcome: access.Unknown, Because: []access.Reason{{Layer: "service control policy", Statement: "#1", Effect: "allow", Text: "not understood"}}}
	before := allows{"a:Keep r": yes, "a:Lose r": yes, "a:Mixed part1": yes, "a:Mixed part2": yes, "a:Ruled part1": yes, "a:Same r": only("k", "l"),
		"a:Fewer r": only("k", "l"), "a:Other r": only("k"), "a:New r": yes, "a:Dark r": yes, "a:More ": yes, "a:Blind r": {Outcome: access.Unknown}, "a:Elsewhere r": notOwn, "a:Partly part1": yes, "a:Partly part2": notOwn, "a:Unclear r": unclear}
	after := allows{"a:Keep r": yes, "a:Mixed part1": yes, "a:Ruled part1": yes, "a:Same r": only("k", "l"), "a:Fewer r": only("l"), "a:Other r": only("m"), "a:New r": only("k"),
		"a:Dark r": {Outcome: access.Unknown, Because: []access.Reason{{Layer: "resource policy", Text: "not read"}}}, "a:Blind r": yes, "a:Elsewhere r": notOwn, "a:Partly part1": yes, "a:Partly part2": notOwn, "a:Unclear r": unclear}
	half := behaviour("a:Half", "part*", "x")
	before["a:Half part1"], before["a:Half part2"], after["a:Half part1"], after["a:Half part2"] = yes, yes, yes, unclear
	more := behaviour("a:Keep", "r", "x")
	more.More = "a:More"
	failed := behaviour("a:Never", "r", "x")
	failed.Outcome = retinue.OutcomeError
	for _, test := range []struct {
		name string
		b    store.Behaviour
		want replay.Fate
		why  string
	}{
		{"kept", behaviour("a:Keep", "r", "x"), replay.GoesOn, ""},
		{"lost", behaviour("a:Lose", "r", "x"), replay.Refused, "nothing allows it"},
		{"no permission known", behaviour("", "r", "x"), replay.Unjudged, "permission"},
		{"some of a name", behaviour("a:Mixed", "part*", "x"), replay.Unjudged, "some would be refused"},
		{"ruled out by the success", behaviour("a:Ruled", "part*", "x"), replay.GoesOn, ""},
		{"too many names", behaviour("a:Keep", "many*", "x"), replay.Unjudged, "many*"},
		{"same conditions", behaviour("a:Same", "r", "x"), replay.GoesOn, ""},
		{"fewer conditions", behaviour("a:Fewer", "r", "x"), replay.GoesOn, ""},
		{"another condition", behaviour("a:Other", "r", "x"), replay.Unjudged, "m Bool true"},
		{"a new condition", behaviour("a:New", "r", "x"), replay.Unjudged, "k Bool true"},
		{"not read", behaviour("a:Dark", "r", "x"), replay.Unjudged, "resource policy not read"},
		{"not read before, allowed after", behaviour("a:Blind", "r", "x"), replay.GoesOn, ""},
		{"allowed by what is not changed", behaviour("a:Elsewhere", "r", "x"), replay.GoesOn, ""},
		{"a part allowed by what is not changed", behaviour("a:Partly", "part*", "x"), replay.GoesOn, ""},
		{"equally unclear, which may hide a difference", behaviour("a:Unclear", "r", "x"), replay.Unjudged, "not understood"},
		{"a part that is not known", half, replay.Unjudged, "some of it would go on; of the rest, what decides it is not known"},
		{"never allowed", behaviour("a:Never", "r", "x"), replay.Unexplained, "denied already"},
		{"never allowed, and failed", failed, replay.Unjudged, "failed"},
		{"one of two permissions", more, replay.Refused, "nothing allows it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fate, why := replay.Grants{Before: before, After: after, Instances: instances}.Judge(&test.b)
			if fate != test.want || !strings.Contains(why, test.why) {
				t.Errorf("%s: %s, want %s: …%s…", fate, why, test.want, test.why)
			}
		})
	}
	as := behaviour("a:Lose", "r", "x")
	if fate, _ := (replay.Grants{Before: before, After: after, Direct: func(*store.Behaviour) bool { return false }}).Judge(&as); fate != replay.Unjudged {
		t.Errorf("as somebody else: %s", fate)
	}
}

// contexts keeps the contexts that it was asked with.
type contexts struct{ seen []map[string]string }

func (c *contexts) Decide(_, _ string, context map[string]string) access.Decision {
	c.seen = append(c.seen, context)
	return yes
}

func TestConditionsAreHandedOn(t *testing.T) {
	for class, want := range map[string]int{"": 0, "aws:SourceVpce=vpce-1\naws:MultiFactorAuthPresent=true": 2, usage.ContextOverflow: 0} {
		b := behaviour("a:Do", "r", "x")
		b.Context = class
		c := &contexts{}
		replay.Grants{Before: c, After: c}.Judge(&b)
		if len(c.seen) != 2 || len(c.seen[0]) != want || len(c.seen[1]) != want {
			t.Errorf("class %q: asked with %v", class, c.seen)
		}
		if want > 0 && c.seen[0]["aws:SourceVpce"] != "vpce-1" {
			t.Errorf("asked with %v", c.seen[0])
		}
	}
}

func TestDeny(t *testing.T) {
	judge := replay.Deny{Environment: retinue.EnvironmentProduction, Of: func(r retinue.Ref) (retinue.Environment, bool) {
		switch r.Key {
		case "p":
			return retinue.EnvironmentProduction, true
		case "t":
			return retinue.EnvironmentTest, true
		}
		return "", false
	}}
	for resource, want := range map[string]replay.Fate{"p": replay.Refused, "t": replay.GoesOn, "?": replay.Unjudged, "": replay.Unjudged} {
		b := behaviour("a:Do", resource, "x")
		if fate, _ := judge.Judge(&b); fate != want {
			t.Errorf("%q: %s, want %s", resource, fate, want)
		}
	}
}

func TestSplit(t *testing.T) {
	nobody := behaviour("a:Do", "r", "")
	nobody.Consumer.Kind = usage.ConsumerUnknown
	d := replay.Split([]store.Used{used(behaviour("a:Do", "r", "x"), 1, 0), used(behaviour("a:Do", "r", "y"), 2, 3600), used(behaviour("a:Else", "s", "x"), 3, 7200),
		used(behaviour("a:Own", "s", "z"), 4, 10800), used(nobody, 5, 0)})
	if len(d.Shares) != 3 || d.Shares[0].Name != "z" || !d.Shares[0].Alone || d.Shares[1].Name != "x" || d.Shares[1].Alone || len(d.Shares[1].Needs) != 2 {
		t.Errorf("shares %+v", d.Shares)
	}
	if d.Counts[replay.Unjudged] != 5 || d.Counts[replay.GoesOn] != 10 || d.Counts[replay.Refused] != 0 {
		t.Errorf("counts %v", d.Counts)
	}
}

func TestUnused(t *testing.T) {
	because := []access.Reason{{Document: "p", Statement: "#1", Effect: "allow"}}
	held := []access.Held{
		{Consequence: access.ReadsData, Sentence: "reads", Actions: []string{"s3:Get*"}, Resources: []string{"arn:a/*", "arn:b/*"}, Because: because},
		{Consequence: access.Looks, Sentence: "looks", Actions: []string{"s3:Get*"}, Resources: []string{"arn:a/*"}, Because: because},
		{Consequence: access.Changes, Sentence: "changes", Actions: []string{"iam:CreateUser", "iam:DeleteUser"}, Because: because},
		{Consequence: access.Looks, Sentence: "lists", Actions: []string{"iam:ListUsers"}, Because: because},
		{Consequence: access.Changes, Sentence: "sends", Actions: []string{"sqs:SendMessage"}, Because: because},
	}
	denied := behaviour("iam:DeleteUser", "", "x")
	denied.Outcome = retinue.OutcomeDenied
	uses := []store.Used{used(behaviour("s3:GetObject", "arn:a/x/*", "x"), 1, 0), used(behaviour("iam:ListUsers", "", "x"), 1, 0), used(denied, 1, 0)}
	spots := []retinue.BlindSpot{{Text: "messages do not show", Actions: []string{"sqs:*Message"}}}
	u := replay.Unused(held, uses, spots, func(action string) access.Consequence {
		if action == "s3:GetObject" {
			return access.ReadsData
		}
		return access.Looks
	})
	if !u.Known || u.Granted != 5 || len(u.Unused) != 3 || len(u.Unseen) != 1 {
		t.Fatalf("%+v", u)
	}
	read, look, change := u.Unused[0], u.Unused[1], u.Unused[2]
	if read.Whole || strings.Join(read.Used, " ") != "s3:GetObject" || strings.Join(read.Resources, " ") != "arn:b/*" || read.Document != "p" || read.Statement != "#1" {
		t.Errorf("used in part: %+v", read)
	}
	if !look.Whole || len(look.Used) != 0 {
		t.Errorf("the same pattern for another consequence: %+v", look)
	}
	if !change.Whole || len(change.Actions) != 2 {
		t.Errorf("an attempt that was refused is no use: %+v", change)
	}
	if s := u.Unseen[0]; !s.Whole || s.Because != "messages do not show" {
		t.Errorf("unseen: %+v", s)
	}
}
