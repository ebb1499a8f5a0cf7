package bench

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
)

func ref(name string) retinue.Ref { return retinue.NewRef("aws:111111111111", "role", name) }

func day(n int) time.Time { return DefaultEnd().AddDate(0, 0, n-30) }

// handmade is a truth of 30 days with one identity of each sort that the score
// treats differently.
func handmade() Truth {
	alive := func(name string, last time.Time) Identity {
		return Identity{Ref: ref(name), Listed: true, Alive: true, Rhythm: Rhythm{Class: RhythmNightly}, FirstUse: day(0), LastUse: last, LastSeen: last,
			Uses: 30, Seen: 30, Owner: Owner{Person: name + "@example.com", Team: "team-" + name},
			Consumers: []Consumer{{ID: "1", Workload: "pod-" + name, Addresses: []string{"10.0.0.1"}, Agents: []string{"Boto3/1.40 x"}, Uses: 30, Seen: 30}}}
	}
	dead := func(name string, last, missed time.Time) Identity {
		id := alive(name, last)
		id.Alive, id.DeadSince, id.MissedSince = false, last, missed
		return id
	}
	never := Identity{Ref: ref("never"), Listed: true, Rhythm: Rhythm{Class: RhythmNever}, MissedSince: day(1)}
	shared := alive("shared", day(29))
	shared.Shared = true
	shared.Consumers = append(shared.Consumers, Consumer{ID: "2", Workload: "other", Addresses: []string{"10.9.9.9"}, Agents: []string{"dbt"}, Uses: 3, Seen: 3})
	leaked := alive("leaked", day(29))
	leaked.Attacked = true
	blind := alive("blind", day(29))
	blind.Blind, blind.Seen = []string{"aws.data_events_off"}, 0
	blind.Consumers[0].Seen = 0
	shadow := dead("shadow", day(5), day(6))
	shadow.Listed = false
	haunted := dead("haunted", day(5), day(6))
	haunted.Human, haunted.LastUse = true, day(20)
	return Truth{Format: Format, From: day(0), To: day(30),
		Identities: []Identity{alive("alive", day(29)), dead("dead", day(10), day(11)), dead("fresh", day(29), time.Time{}), never, shared, leaked, blind, shadow, haunted},
		Incidents: []Incident{
			{ID: "leak", Kind: IncidentLeak, Identity: ref("leaked"), From: day(15), To: day(16), Signals: rightSignals(IncidentLeak), Seen: 9},
			{ID: "hidden", Kind: IncidentBurst, Identity: ref("blind"), From: day(15), To: day(16), Signals: rightSignals(IncidentBurst)}}}
}

// perfect is what a product without fault concludes about handmade.
func perfect() Conclusions {
	c := Conclusions{Shadows: []retinue.Ref{ref("shadow")}, Signals: []Signal{{SignalFirstNetwork, ref("leaked"), day(15).Add(time.Minute)}}}
	for _, id := range handmade().Identities {
		if !id.Listed {
			continue
		}
		k := Conclusion{Ref: id.Ref, Status: StatusActive, Grade: retinue.GradeA, Rhythm: id.Rhythm.Class, Shared: id.Shared, Owner: id.Owner.Person, OwnerConfidence: 1}
		switch {
		case id.Uses == 0:
			k.Status = StatusNever
		case !id.Alive && !id.MissedSince.IsZero():
			k.Status, k.SilentSince = StatusDormant, id.LastUse
		}
		for _, x := range id.Consumers {
			if x.Seen > 0 {
				k.Consumers = append(k.Consumers, ConcludedConsumer{Workload: x.Workload, Address: x.Addresses[0], Agent: x.Agents[0]})
			}
		}
		if id.Ref == ref("blind") {
			k.Status = StatusUnknown
		}
		c.Identities = append(c.Identities, k)
	}
	return c
}

func TestPerfectConclusions(t *testing.T) {
	r := Score(handmade(), perfect())
	for name, rate := range map[string]Rate{
		"answered": r.Answered, "precision": r.Dormancy.Precision, "recall": r.Dormancy.Recall, "overall": r.Dormancy.Overall, "rhythm": r.Rhythm,
		"consumers found": r.Consumers.Recall, "consumers named": r.Consumers.Precision, "shared": r.Shared.Recall, "shared named": r.Shared.Precision, "possibly": r.Possibly.Recall, "possibly named": r.Possibly.Precision,
		"shadows": r.Shadows.Recall, "owners": r.Owners.Overall, "signals": r.Signals.Precision, "incidents": r.Signals.Recall,
	} {
		if rate.Of == 0 || rate.Hits != rate.Of {
			t.Errorf("%s: %s", name, rate)
		}
	}
	d := r.Dormancy
	if d.Precision.Of != 2 || d.Recall.Of != 2 || d.Early != 1 || d.Unknown.Hits != 1 || d.Unknown.Of != 7 {
		t.Errorf("dormancy %+v", d)
	}
	if d.WrongSilent.Stated != 2 || d.WrongSilent.Complete+d.WrongSilent.Holes != 0 || d.WrongNever != 0 {
		t.Errorf("silence %+v", d.WrongSilent)
	}
	if r.Signals.Recall.Of != 1 {
		t.Errorf("an incident that no log shows counts: %s", r.Signals.Recall)
	}
	if r.Owners.Brier != 0 {
		t.Errorf("Brier score %v", r.Owners.Brier)
	}
}

// TestPlantedFaults: each wrong conclusion lowers what it should, and nothing
// that has nothing to do with it.
func TestPlantedFaults(t *testing.T) {
	set := func(name string, change func(*Conclusion)) func(*Conclusions) {
		return func(c *Conclusions) {
			for i := range c.Identities {
				if c.Identities[i].Ref == ref(name) {
					change(&c.Identities[i])
				}
			}
		}
	}
	for name, f := range map[string]struct {
		change func(*Conclusions)
		lower  func(Result) float64 // 1 where there is no fault
	}{
		"alive called dormant":    {set("alive", func(c *Conclusion) { c.Status = StatusDormant }), func(r Result) float64 { return r.Dormancy.Precision.Value }},
		"dead called active":      {set("dead", func(c *Conclusion) { c.Status = StatusActive }), func(r Result) float64 { return r.Dormancy.Recall.Value }},
		"dead called unknown":     {set("dead", func(c *Conclusion) { c.Status = StatusUnknown }), func(r Result) float64 { return r.Dormancy.Overall.Value }},
		"used called never used":  {set("dead", func(c *Conclusion) { c.Status = StatusNever }), func(r Result) float64 { return 1 - float64(r.Dormancy.WrongNever) }},
		"silent while acting":     {set("alive", func(c *Conclusion) { c.SilentSince = day(20) }), func(r Result) float64 { return 1 - float64(r.Dormancy.WrongSilent.Complete) }},
		"silent in a blind spot":  {set("blind", func(c *Conclusion) { c.Status = StatusNever }), func(r Result) float64 { return 1 - float64(r.Dormancy.WrongSilent.Holes) }},
		"consumer left out":       {set("shared", func(c *Conclusion) { c.Consumers = c.Consumers[:1] }), func(r Result) float64 { return r.Consumers.Recall.Value }},
		"consumer named twice":    {set("alive", func(c *Conclusion) { c.Consumers = append(c.Consumers, c.Consumers[0]) }), func(r Result) float64 { return r.Consumers.Precision.Value }},
		"shared not seen":         {set("shared", func(c *Conclusion) { c.Shared = false }), func(r Result) float64 { return r.Shared.Recall.Value }},
		"possibly made up":        {set("alive", func(c *Conclusion) { c.PossiblyShared = true }), func(r Result) float64 { return r.Possibly.Precision.Value }},
		"shared made up":          {set("alive", func(c *Conclusion) { c.Shared = true }), func(r Result) float64 { return r.Shared.Precision.Value }},
		"wrong owner":             {set("alive", func(c *Conclusion) { c.Owner = "somebody@example.com" }), func(r Result) float64 { return r.Owners.Accuracy.Value }},
		"wrong owner, confidence": {set("alive", func(c *Conclusion) { c.Owner = "somebody@example.com" }), func(r Result) float64 { return 1 - r.Owners.Brier }},
		"no owner":                {set("alive", func(c *Conclusion) { c.Owner = "" }), func(r Result) float64 { return r.Owners.Answered.Value }},
		"wrong rhythm":            {set("alive", func(c *Conclusion) { c.Rhythm = RhythmWeekly }), func(r Result) float64 { return r.Rhythm.Value }},
		"shadow missed":           {func(c *Conclusions) { c.Shadows = nil }, func(r Result) float64 { return r.Shadows.Recall.Value }},
		"shadow made up":          {func(c *Conclusions) { c.Shadows = append(c.Shadows, ref("alive")) }, func(r Result) float64 { return r.Shadows.Precision.Value }},
		"leak missed":             {func(c *Conclusions) { c.Signals = nil }, func(r Result) float64 { return r.Signals.Recall.Value }},
		"signal too early":        {func(c *Conclusions) { c.Signals[0].At = day(14) }, func(r Result) float64 { return r.Signals.Recall.Value }},
		"signal about another":    {func(c *Conclusions) { c.Signals[0].Identity = ref("alive") }, func(r Result) float64 { return r.Signals.Precision.Value }},
		"signal of a wrong kind":  {func(c *Conclusions) { c.Signals[0].Kind = SignalPrivilege }, func(r Result) float64 { return r.Signals.Precision.Value }},
		"false alert":             {func(c *Conclusions) { c.Signals = append(c.Signals, Signal{SignalVolume, ref("alive"), day(3)}) }, func(r Result) float64 { return 1 - r.Signals.False }},
		"identity not answered":   {func(c *Conclusions) { c.Identities = c.Identities[1:] }, func(r Result) float64 { return r.Answered.Value }},
	} {
		c := perfect()
		if v := f.lower(Score(handmade(), c)); v != 1 {
			t.Errorf("%s: %v without the fault", name, v)
		}
		f.change(&c)
		if v := f.lower(Score(handmade(), c)); v >= 1 {
			t.Errorf("%s: %v with the fault", name, v)
		}
	}
}

// TestTwoPlacesOfASharedCredential is right, though no incident.
func TestTwoPlacesOfASharedCredential(t *testing.T) {
	c := perfect()
	c.Signals = append(c.Signals, Signal{SignalTwoPlaces, ref("shared"), day(3)})
	if r := Score(handmade(), c); r.Signals.Precision.Hits != 2 || r.Signals.False != 0 {
		t.Errorf("signals %+v", r.Signals)
	}
}

func TestGradesAreCountedApart(t *testing.T) {
	c := perfect()
	for i := range c.Identities {
		if c.Identities[i].Ref == ref("dead") {
			c.Identities[i].Grade = retinue.GradeC
		}
	}
	got := map[string]DormancyPart{}
	for _, p := range Score(handmade(), c).Dormancy.ByGrade {
		got[p.Name] = p
	}
	if len(got) != 2 || got["C"].Recall.Of != 1 || got["A"].Recall.Of != 1 {
		t.Errorf("by grade: %+v", got)
	}
}

// TestWilson compares with published values: 10 of 100, 0 of 10, and 10 of 10
// (Newcombe, Statistics in Medicine 17, 1998, method 3, gives such).
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		hits, of  int64
		low, high float64
	}{{10, 100, 0.0552, 0.1744}, {0, 10, 0, 0.2775}, {10, 10, 0.7225, 1}, {81, 263, 0.2553, 0.3662}} {
		r := newRate(c.hits, c.of)
		if math.Abs(r.Low-c.low) > 5e-5 || math.Abs(r.High-c.high) > 5e-5 {
			t.Errorf("%d of %d: %.4f–%.4f, want %.4f–%.4f", c.hits, c.of, r.Low, r.High, c.low, c.high)
		}
	}
	if r := newRate(0, 0); r.Low != 0 || r.High != 1 || r.String() != "–" {
		t.Errorf("nothing: %+v %s", r, r)
	}
}

func TestResultAsText(t *testing.T) {
	var b bytes.Buffer
	if err := Score(handmade(), perfect()).WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"wrong on complete logs", "0 (must be 0)", "noticed leaked_key", "by rhythm", "nightly"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, &b)
		}
	}
}

// TestConsumerNames is how names and consumers are matched.
func TestConsumerNames(t *testing.T) {
	c := Consumer{Workload: "pay-api", Addresses: []string{"10.0.3.4", "10.0.3.5", "10.9.0.1"}, Agents: []string{"Boto3/1.40.1 md/x lang/python#3.13",
		"APN/1.0 HashiCorp/1.0 Terraform/1.13.1 (+https://www.terraform.io; curl/8) terraform-provider-aws/6.11.0", "aws-sdk-go-v2/1.38.3 os/linux lang/go#1.26.0"}}
	for _, k := range []struct {
		name ConcludedConsumer
		want bool
	}{
		{ConcludedConsumer{Workload: "pay-api"}, true},
		{ConcludedConsumer{Workload: "default/pay-api"}, true},
		{ConcludedConsumer{Workload: "default/pay-api-7d9-x2"}, true},
		{ConcludedConsumer{Workload: "pay-apis"}, false},
		{ConcludedConsumer{Address: "10.0.3.5"}, true},
		{ConcludedConsumer{Address: "10.0.3.0/24"}, true},
		{ConcludedConsumer{Address: "10.0.4.0/24"}, false},
		{ConcludedConsumer{Address: "10.0.3.0/24", Addresses: []string{"10.9.0.0/24"}}, true},
		{ConcludedConsumer{Address: "10.0.3.0/24", Addresses: []string{"10.8.0.0/24"}}, false},
		{ConcludedConsumer{Agent: "boto3"}, true},
		{ConcludedConsumer{Agent: "Boto3/1.99"}, true},
		{ConcludedConsumer{Agent: "boto"}, false},
		{ConcludedConsumer{Agent: "terraform"}, true},
		{ConcludedConsumer{Agent: "aws-sdk-go"}, true},
		{ConcludedConsumer{Agent: "aws-sdk"}, false},
		{ConcludedConsumer{Agent: "curl"}, false},
		{ConcludedConsumer{Agent: "python"}, false},
		{ConcludedConsumer{Address: "10.0.3.4", Agent: "kubectl"}, false},
		{ConcludedConsumer{}, false},
	} {
		if got := c.is(k.name); got != k.want {
			t.Errorf("%+v: %v, want %v", k.name, got, k.want)
		}
	}
}
