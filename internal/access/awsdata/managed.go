package awsdata

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// ManagedPolicy is the newest known version of a policy that AWS manages.
type ManagedPolicy struct {
	ARN      string
	Version  string
	Created  time.Time
	Document string
}

// ManagedPolicy returns a policy by its ARN. The policies are the same in all
// partitions; any partition's ARN finds them.
func (d *Data) ManagedPolicy(arn string) (ManagedPolicy, bool) {
	all, err := d.policies()
	if err != nil {
		return ManagedPolicy{}, false
	}
	p, ok := all[inPartition(arn)]
	return p, ok
}

// ManagedPolicies are the ARNs of all policies, sorted.
func (d *Data) ManagedPolicies() []string {
	all, err := d.policies()
	if err != nil {
		return nil
	}
	out := make([]string, 0, len(all))
	for arn := range all {
		out = append(out, arn)
	}
	slices.Sort(out)
	return out
}

// inPartition is the ARN in the partition of the data.
func inPartition(arn string) string {
	if rest, ok := strings.CutPrefix(arn, "arn:aws-"); ok {
		if _, rest, ok = strings.Cut(rest, ":"); ok {
			return "arn:aws:" + rest
		}
	}
	return arn
}

func (d *Data) readPolicies() (map[string]ManagedPolicy, error) {
	text, err := d.part("policies.tsv")
	if err != nil {
		return nil, err
	}
	all := make(map[string]ManagedPolicy)
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), "\t", 4)
		if len(parts) != 4 || !strings.HasPrefix(parts[0], "arn:aws:iam::aws:policy/") {
			return nil, fmt.Errorf("%w: reference data: line %d of policies.tsv is no policy", retinue.ErrInvalid, n)
		}
		created, err := time.Parse(time.DateOnly, parts[2])
		if err != nil {
			return nil, fmt.Errorf("%w: reference data: line %d of policies.tsv: date %q", retinue.ErrInvalid, n, retinue.CleanName(parts[2]))
		}
		all[parts[0]] = ManagedPolicy{ARN: parts[0], Version: parts[1], Created: created, Document: parts[3]}
	}
	return all, nil
}
