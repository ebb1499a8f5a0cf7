package demo

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// madeKey is an access key with when it was made and how long it was listed.
type madeKey struct {
	account, user string
	at            time.Time
	life          span
}

// How far back the event history of an account goes (AWS CloudTrail User Guide,
// "Viewing CloudTrail event history"), and how many of its keys leavers made.
const (
	eventHistoryDays = 90
	keysByLeavers    = 4
)

// WriteTrail writes what somebody exported of the event history of the company's
// accounts when people left: entries of CloudTrail by which persons who have
// left since made access keys that are still in use. It reports how many.
func (c *Company) WriteTrail(w io.Writer) (int, error) {
	records := []map[string]any{}
	for _, k := range c.keys {
		by := c.madeBy(k)
		if by == "" || len(records) == keysByLeavers {
			continue
		}
		records = append(records, map[string]any{
			"eventVersion": "1.11", "eventTime": k.at.UTC().Format(time.RFC3339), "eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey",
			"userIdentity": map[string]any{"type": "IAMUser", "arn": "arn:aws:iam::" + k.account + ":user/" + by, "accountId": k.account,
				"userName": by, "principalId": fmt.Sprintf("AIDA%017d", len(records))},
			"awsRegion": "us-east-1", "sourceIPAddress": "198.51.100.20", "userAgent": "signin.amazonaws.com",
			"requestParameters": map[string]any{"userName": k.user}, "responseElements": nil, "readOnly": false,
			"eventID": fmt.Sprintf("00000000-0000-4000-8000-%012d", len(records)), "eventType": "AwsApiCall", "managementEvent": true,
			"recipientAccountId": k.account, "eventCategory": "Management",
		})
	}
	if err := json.NewEncoder(w).Encode(map[string]any{"Records": records}); err != nil {
		return 0, fmt.Errorf("write trail: %w", err)
	}
	return len(records), nil
}

// madeBy is who made a key of lately that is still there, among those who left
// later: the last of them; "" where there is none.
func (c *Company) madeBy(k madeKey) string {
	if !k.life.to.IsZero() || k.at.Before(c.ago(eventHistoryDays-2)) {
		return ""
	}
	i := slices.IndexFunc(c.people, func(p person) bool { return p.left.After(k.at.AddDate(0, 0, 1)) })
	if i < 0 {
		return ""
	}
	return c.people[i].email
}
