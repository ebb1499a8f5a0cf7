package rightsize_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue/internal/access/awsdata"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/compare"
	"github.com/retinue-id/retinue/internal/access/awsiam/rightsize"
	"github.com/retinue-id/retinue/internal/testkit"
)

// TestPublishedPolicies right-sizes the policies of the sample pairs and some
// that AWS manages to random uses that they allow: each must succeed, with every
// use replayed and nothing gained, and a policy once shrunk must stay.
func TestPublishedPolicies(t *testing.T) {
	file, err := os.ReadFile(testkit.Data(t, "access", "aws", "compare-samples.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	d := data(t)
	random := rand.New(rand.NewPCG(1, 12))
	var took []time.Duration
	done, allowed, over := 0, 0, 0
	for line := range strings.Lines(string(file)) {
		var pair struct{ Old, New json.RawMessage }
		if err := json.Unmarshal([]byte(line), &pair); err != nil {
			t.Fatal(err)
		}
		if random.IntN(3) > 0 {
			continue
		}
		p, err := awsiam.Parse(pair.Old)
		if err != nil {
			t.Fatal(err)
		}
		in := rightsize.Input{Old: []*awsiam.Policy{p}, Uses: randomUses(random, d, p), Data: d}
		begin := time.Now()
		r, err := rightsize.Shrink(in)
		took = append(took, time.Since(begin))
		if err != nil {
			t.Errorf("%v\n%.600s", err, pair.Old)
			continue
		}
		done++
		allowed += r.Uses.Allowed
		over += len(r.OverGrant)
		if got := compare.Policies(in.Old, documents(t, r)); got.Answer == compare.Yes {
			t.Errorf("new access %+v: %.600s", got.Witness, pair.Old)
		}
		again, err := rightsize.Shrink(rightsize.Input{Old: documents(t, r), Uses: in.Uses, Data: d})
		if err != nil || string(again.Policy) != string(r.Policy) {
			t.Errorf("%v: shrinks twice:\nold   %.900s\nonce  %.900s\ntwice %.900s", err, pair.Old, r.Policy, policyOf(again))
		}
	}
	slices.Sort(took)
	t.Logf("%d policies, %d uses, %d wider patterns: median %v, 90th percentile %v, longest %v", done, allowed, over,
		took[len(took)/2], took[len(took)*9/10], took[len(took)-1])
	if done < 50 || allowed < 500 {
		t.Errorf("%d policies and %d uses", done, allowed)
	}
}

func policyOf(r *rightsize.Result) string {
	if r == nil {
		return ""
	}
	return string(r.Policy)
}

// randomUses are known actions that the policy speaks of, on made-up resources
// of their types.
func randomUses(random *rand.Rand, d *awsdata.Data, p *awsiam.Policy) []rightsize.Use {
	var actions []string
	for _, st := range p.Statements() {
		for _, a := range st.Actions {
			if list := d.Expand(a); len(list) > 0 {
				actions = append(actions, list[random.IntN(len(list))])
			}
		}
	}
	var out []rightsize.Use
	for range min(40, len(actions)) {
		a, ok := d.Action(actions[random.IntN(len(actions))])
		if !ok {
			continue
		}
		resource := "*"
		if len(a.Resources) > 0 {
			service, _ := d.Service(a.Service)
			for _, t := range service.Resources {
				if t.Name == a.Resources[random.IntN(len(a.Resources))].Type {
					resource = fill(random, t.ARN)
				}
			}
		}
		out = append(out, rightsize.Use{Action: a.FullName(), Resource: resource})
	}
	return out
}

func fill(random *rand.Rand, form string) string {
	for {
		start := strings.Index(form, "${")
		if start < 0 {
			return form
		}
		end := start + strings.IndexByte(form[start:], '}')
		value := map[string]string{"Partition": "aws", "Region": "eu-west-1", "Account": "111122223333"}[form[start+2:end]]
		if value == "" {
			value = fmt.Sprintf("%s%d", []string{"a", "app-", "i-0123456789abcde"}[random.IntN(3)], random.IntN(10))
		}
		form = form[:start] + value + form[end+1:]
	}
}
