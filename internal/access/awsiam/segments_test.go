package awsiam_test

import (
	"testing"

	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// TestStarThatEndsASegmentRunsOn follows "IAM JSON policy elements: Resource":
// "If the * wildcard is the last character of a resource ARN segment, it can
// expand to match beyond the colon boundaries."
func TestStarThatEndsASegmentRunsOn(t *testing.T) {
	const group = "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/x"
	for _, c := range []struct {
		pattern string
		want    bool
	}{
		{"arn:aws:logs:*:*:/aws/*", true},
		{"arn:aws:logs:*:/aws/x", true},
		{"arn:aws:logs:eu-*-1:*:/aws/x", true},
		{"arn:aws:logs:eu*1:/aws/x", false},
		{"arn:aws:logs:eu?west-1:111122223333:log-group:/aws/x", true},
		{"arn:aws:logs?eu-west-1:*", false},
		{"arn:aws:logs:*:444455556666:*", false},
	} {
		if got := awsiam.MatchResource(c.pattern, group); got != c.want {
			t.Errorf("MatchResource(%q, %q) = %t", c.pattern, group, got)
		}
	}
}
