// Package rightsize makes the smallest readable AWS policy that allows what an
// identity was seen to do, and nothing that its old policies did not allow.
//
// [Shrink] takes the old policies and the uses, each an action on a resource.
// What it returns has been proven before it is returned: every use that was
// allowed is put to the engine (package awsiam) under the new documents and
// must come out as before, whatever the context; and package compare must find
// no request at all that the new documents allow and the old ones do not.
//
// # How it shrinks
//
// Each action that was used is kept by its name, for each set of conditions
// under which the old policies allowed it, with those conditions. Resources are
// named one by one. Where there are many, or ids that change, they are
// generalised at the place where their names part (anti-unification along a
// tree of the names' parts), but only inside what one pattern of the old policy
// grants wholly, and never beyond the type of the resource. Statements that
// deny stay as they are, since they also limit what other policies give.
//
// # What a log cannot show
//
// AWS CloudTrail never records iam:PassRole, records data events only where a
// trail asks for them, and shows one event for calls that are checked against
// several permissions. Such actions are kept where something suggests that they
// are needed, or else listed, never dropped in silence; see [Kept].
//
// # Properties
//
// Shrinking the result with the same uses gives the same result. More uses never
// allow less, as far as nothing is kept unseen: a use of what was kept says on
// what it is needed, so that less of it need be kept.
//
// Everything here is pure.
package rightsize

import (
	"encoding/json"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsdata"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/compare"
)

// Input is what is shrunk, and to what.
type Input struct {
	// Old are the policies of the identity and of its groups.
	Old []*awsiam.Policy
	// Limits are the other layers in force on the identity: its boundary and
	// the organisation's policies. A use that they forbid is no reason to allow
	// anything. Nil means that there are none; Identity and Resource are not
	// looked at.
	Limits *awsiam.Layers
	// Principal is the identity; the zero Principal is taken for some user.
	Principal awsiam.Principal
	Uses      []Use
	// Data is AWS's reference; nil means that access levels, and what a log
	// cannot show, are known less well.
	Data *awsdata.Data
	// DropUnseen leaves out what the log cannot show; it is then listed only.
	DropUnseen bool
	// Recorded are the services whose data events the record holds, in lower
	// case; "all" means of all. A service is also taken for recorded when one of
	// its data events is among the uses.
	Recorded []string
	// Unshown are patterns of actions whose use the record is known not to show.
	// What the old policies grant of them stays as it is, whatever DropUnseen says.
	Unshown []string
	// Recent are patterns of actions that were granted too lately for the record to
	// show a use. What the old policies grant of them is kept, whatever DropUnseen
	// says.
	Recent []string
	// Limit is the limit of size that the documents are split for; the zero
	// Limit is [Managed].
	Limit Limit
}

// Result is what came of it. Its JSON names are a contract.
type Result struct {
	// Policy is the new policy as one document, whatever its size.
	Policy json.RawMessage `json:"policy"`
	// Documents are the policy split so that each is within the limit.
	Documents []Document `json:"documents"`
	Uses      Uses       `json:"uses"`
	// Kept is what was kept although no use is on record, Dropped what was left
	// out although the log could not have shown its use.
	Kept    []Kept `json:"kept"`
	Dropped []Kept `json:"dropped,omitempty"`
	// OverGrant is what the new policy allows beyond the uses.
	OverGrant []OverGrant `json:"overGrant"`
	// NewAccess is false: a policy that gave new access would not be returned.
	NewAccess bool `json:"newAccess"`
	// LostAccess says whether the old policies allowed anything that the new
	// one does not: true, false or "unknown"; Witness is a request that shows it.
	LostAccess any              `json:"lostAccess"`
	Witness    *compare.Witness `json:"witness,omitempty"`
	// TakenAway counts known actions that are no longer allowed at all, by
	// service, most first.
	TakenAway []TakenAway `json:"takenAway"`
	// EscalationsLost are ways to gain further rights that the old policies
	// opened by themselves and the new one does not; EscalationsLeft those that
	// it still opens.
	EscalationsLost []string `json:"escalationsLost,omitempty"`
	EscalationsLeft []string `json:"escalationsLeft,omitempty"`
	Size            Size     `json:"size"`
}

// Uses says what became of the uses.
type Uses struct {
	// Total is how many different uses there are, Allowed how many of them the
	// old policies allowed and the new ones allow in the same way.
	Total   int       `json:"total"`
	Allowed int       `json:"allowed"`
	Refused []Refused `json:"refused"`
}

// Refused is a use that the old policies did not allow, so that the new ones
// do not either.
type Refused struct {
	Use
	Why string `json:"why"`
}

// Kept is a grant without a recorded use.
type Kept struct {
	Actions []string `json:"actions"`
	// Resources are as in the statement that is kept; for NotResource they have
	// "everything but " before them.
	Resources []string `json:"resources"`
	Because   string   `json:"because"`
}

// OverGrant is a pattern of the new policy, of which the uses are a part.
type OverGrant struct {
	Actions  []string `json:"actions"`
	Resource string   `json:"resource"`
	// Uses is how many different recorded resources it stands for; 0 where
	// there is no use.
	Uses int `json:"uses"`
}

// TakenAway is what a service loses.
type TakenAway struct {
	Service string `json:"service"`
	// Actions is how many known actions were allowed on something and are no
	// longer, of Of that were.
	Actions int `json:"actions"`
	Of      int `json:"of"`
}

// Size compares before and after.
type Size struct {
	// Old and New are characters without white space between them, as AWS
	// counts.
	Old int `json:"old"`
	New int `json:"new"`
	// Limit is what one document may hold, and Fits whether the documents may
	// be attached together.
	Limit Limit `json:"limit"`
	Fits  bool  `json:"fits"`
}

// Shrink right-sizes. Errors wrap retinue.ErrInvalid where the old policies are
// not wholly understood or not of an identity, and retinue.ErrUnsupported where
// the result could not be proven; nothing is returned then.
func Shrink(in Input) (*Result, error) {
	old, err := read(in.Old)
	if err != nil {
		return nil, err
	}
	s := &shrinker{Input: in, old: old, catalog: catalog{in.Data}}
	if s.Limit == (Limit{}) {
		s.Limit = Managed
	}
	if s.Principal == (awsiam.Principal{}) {
		s.Principal, _ = awsiam.ParsePrincipal("arn:aws:iam::111122223333:user/some")
	}
	uses := s.replayOld()
	s.assign(uses)
	s.keepUnseen()
	statements := s.statements()
	r := &s.result
	r.Policy = render(statements)
	if r.Documents, r.Size.Fits, err = split(statements, s.Limit); err != nil {
		return nil, err
	}
	r.Size.Limit, r.Size.New = s.Limit, Length(r.Policy)
	for _, p := range in.Old {
		r.Size.Old += Length(render(reread(p)))
	}
	if err := s.prove(uses); err != nil {
		return nil, err
	}
	s.report(statements)
	return r, nil
}

// shrinker is one run.
type shrinker struct {
	Input
	old     *grants
	catalog catalog
	// parts are the actions that stay, by action in lower case and condition.
	parts map[partKey]*part
	// unseen are the actions that a log may not show, by service.
	unseen map[string][]string
	result Result
	next   []*awsiam.Policy
}

// replayOld finds the uses that the old policies allow. Others are refused.
func (s *shrinker) replayOld() []*use {
	own := s.layers(s.Old)
	var all *awsiam.Layers
	if s.Limits != nil {
		layers := *s.Limits
		layers.Identity, layers.Resource = own.Identity, own.Resource
		all = &layers
	}
	var out []*use
	for _, u := range distinct(s.Uses) {
		s.result.Uses.Total++
		u.resource = s.catalog.resource(u.Use)
		if u.resource == "" {
			// It is not known on what: that the action is granted on
			// something is all that can be asked.
			if s.old.allows(u.Action) {
				out = append(out, u)
			} else {
				s.refuse(u.Use, "no statement allows the action")
			}
			continue
		}
		r := s.request(u)
		d := awsiam.Decide(own, r, awsiam.Open)
		if !granted(d.Outcome) {
			s.refuse(u.Use, why(d))
			continue
		}
		u.before = d
		if all != nil {
			if d := awsiam.Decide(all, s.request(u), awsiam.Open); d.Outcome == access.ExplicitlyDenied || d.Outcome == access.ImplicitlyDenied {
				s.refuse(u.Use, why(d))
				continue
			}
		}
		out = append(out, u)
	}
	s.result.Uses.Allowed = len(out)
	return out
}

// layers are the identity's policies alone: the resource is taken to be in
// another account, whose policies allow everything, so that exactly what the
// identity's policies allow is allowed.
func (s *shrinker) layers(policies []*awsiam.Policy) *awsiam.Layers {
	return &awsiam.Layers{Identity: policies, Resource: []*awsiam.Policy{openResource}}
}

// openResource is the policy of a resource that is open to everybody.
var openResource = func() *awsiam.Policy {
	p, err := awsiam.ParseText(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`)
	if err != nil {
		panic("rightsize: the policy that allows everything is not understood: " + err.Error())
	}
	return p
}()

func (s *shrinker) refuse(u Use, why string) {
	s.result.Uses.Refused = append(s.result.Uses.Refused, Refused{u, why})
}

func granted(o access.Outcome) bool { return o == access.Allowed || o == access.Conditional }

func why(d access.Decision) string {
	text := d.Sentence()
	if len(d.Because) > 0 && d.Because[0].Text != "" {
		text += ": " + d.Because[0].Text
	}
	return text
}

func (s *shrinker) request(u *use) *awsiam.Request {
	r := &awsiam.Request{Action: u.Action, Resource: u.resource, Principal: s.Principal, ResourceAccount: "444455556666"}
	if s.Principal.Account() == r.ResourceAccount {
		r.ResourceAccount = "777788889999"
	}
	for key, values := range u.Context {
		if len(values) == 1 {
			r.Context.Set(key, values[0])
		} else {
			r.Context.SetList(key, values...)
		}
	}
	return r
}

// read checks that the old policies can be right-sized.
func read(policies []*awsiam.Policy) (*grants, error) {
	g := &grants{}
	for _, p := range policies {
		for _, problem := range p.Problems() {
			return nil, fmt.Errorf("%w: right-size %s: statement %d: %s: what is not understood cannot be shrunk", retinue.ErrInvalid, nameOf(p), problem.Statement, problem.Text)
		}
		list := p.Statements()
		for i := range list {
			st := &list[i]
			switch {
			case len(st.Unclear) > 0:
				return nil, fmt.Errorf("%w: right-size %s: statement %s: %s: what is not understood cannot be shrunk", retinue.ErrInvalid, nameOf(p), st.Place(), st.Unclear[0])
			case st.Principals != nil || st.NotPrincipals != nil:
				return nil, fmt.Errorf("%w: right-size %s: statement %s has a Principal: want policies of an identity", retinue.ErrInvalid, nameOf(p), st.Place())
			case st.Resources == nil && st.NotResources == nil:
				return nil, fmt.Errorf("%w: right-size %s: statement %s has no Resource: want policies of an identity", retinue.ErrInvalid, nameOf(p), st.Place())
			}
			g.add(p, st)
		}
	}
	return g, nil
}

func nameOf(p *awsiam.Policy) string {
	if p.Name() == "" {
		return "policy"
	}
	return p.Name()
}
