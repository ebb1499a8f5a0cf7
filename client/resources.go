package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/retinue-id/retinue"
)

// Thing is a row of the lists of identities and of credentials.
type Thing struct {
	ID          retinue.EntityID         `json:"id"`
	Name        string                   `json:"name"`
	Kind        string                   `json:"kind"`
	Subtype     string                   `json:"subtype"`
	Source      string                   `json:"source"`
	Realm       retinue.Realm            `json:"realm"`
	Key         string                   `json:"key"`
	Class       retinue.Class            `json:"class"`
	State       string                   `json:"state"`
	Environment retinue.Environment      `json:"environment"`
	Criticality retinue.Criticality      `json:"criticality"`
	Owner       string                   `json:"owner"`
	CreatedAt   time.Time                `json:"createdAt"`
	ExpiresAt   time.Time                `json:"expiresAt"`
	LastUsed    time.Time                `json:"lastUsed"`
	FirstSeen   time.Time                `json:"firstSeen"`
	GoneAt      time.Time                `json:"goneAt"`
	Holder      retinue.EntityID         `json:"holder"` // of a credential
	HolderName  string                   `json:"holderName"`
	Priority    int                      `json:"priority"` // the highest of its open findings
	Findings    map[retinue.Severity]int `json:"findings"`
	Credentials int                      `json:"credentials"`
	Privileged  bool                     `json:"privileged"`
	ThirdParty  bool                     `json:"thirdParty"`
}

// Finding is a row of the list of findings.
type Finding struct {
	retinue.Finding
	Source   string `json:"source"`
	Owner    string `json:"owner"`
	Assignee string `json:"assignee"`
}

// Me is who the token belongs to.
type Me struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"` // session, token, collector or system
	Roles       []MyRole `json:"roles"`
	Permissions []string `json:"permissions"`
	Version     string   `json:"version"`
	Demo        bool     `json:"demo"` // the sample company, not a real one
}

// MyRole is a role of the caller.
type MyRole struct {
	Role string `json:"role"`
}

// Identities yields identities.
func (c *Client) Identities(ctx context.Context, o ListOptions) iter.Seq2[Thing, error] {
	return List[Thing](ctx, c, "/identities", o)
}

// Credentials yields credentials.
func (c *Client) Credentials(ctx context.Context, o ListOptions) iter.Seq2[Thing, error] {
	return List[Thing](ctx, c, "/credentials", o)
}

// Findings yields findings, the highest priority first.
func (c *Client) Findings(ctx context.Context, o ListOptions) iter.Seq2[Finding, error] {
	return List[Finding](ctx, c, "/findings", o)
}

// Finding returns one finding.
func (c *Client) Finding(ctx context.Context, id retinue.FindingID) (f Finding, err error) {
	_, err = c.Do(ctx, Request{Path: "/findings/" + url.PathEscape(string(id))}, &f)
	return f, err
}

// Decision is what somebody decides about findings: those of IDs, or those of
// a family.
type Decision struct {
	IDs    []retinue.FindingID  `json:"ids,omitempty"`
	Family string               `json:"family,omitempty"`
	State  retinue.FindingState `json:"state,omitempty"`
	// Reason and Until are needed to accept a risk.
	Reason string    `json:"reason,omitempty"`
	Until  time.Time `json:"until,omitzero"`
}

// Decided says what a decision did, and how it is taken back.
type Decided struct {
	Changed   int       `json:"changed"`
	Undo      string    `json:"undo"`
	UndoUntil time.Time `json:"undoUntil"`
}

// Decide acknowledges, accepts or reopens findings.
func (c *Client) Decide(ctx context.Context, d Decision) (r Decided, err error) {
	_, err = c.Do(ctx, Request{Method: http.MethodPost, Path: "/findings/decisions", Body: d, Once: true}, &r)
	return r, err
}

// Undo takes back what a token was given for.
func (c *Client) Undo(ctx context.Context, token string) error {
	_, err := c.Do(ctx, Request{Method: http.MethodPost, Path: "/undo/" + url.PathEscape(token)}, nil)
	return err
}

// Records yields the audit log.
func (c *Client) Records(ctx context.Context, o ListOptions) iter.Seq2[retinue.Record, error] {
	return List[retinue.Record](ctx, c, "/records", o)
}

// Me tells who the token belongs to.
func (c *Client) Me(ctx context.Context) (m Me, err error) {
	_, err = c.Do(ctx, Request{Path: "/me"}, &m)
	return m, err
}
