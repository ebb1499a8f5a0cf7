// Package escalate finds how AWS identities come to more than they were given:
// which of them can reach an administrator, or any other principal, and by
// which calls.
//
// A [State] is who is there, with the policies that apply to each. [State.From]
// starts with one principal and adds what it can take over, technique by
// technique, until nothing more can be added. Every call of every technique is
// put to the engine (package awsiam) with boundaries, organisation policies,
// denies, conditions and trust policies in force, and may come from any of the
// principals that are held by then. Techniques that need something that exists
// (a function, an instance) need it in the state, unless the kind was not read:
// then the step says what it assumes.
//
// Everything here is pure. A State must not be changed while it is asked, and
// may be asked from several goroutines.
package escalate

import (
	"strings"
	"sync"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// State is what is known of one or more accounts.
type State struct {
	// Principals are the users and roles, by ARN.
	Principals map[string]*Principal
	// Groups are the groups, by ARN.
	Groups map[string]*Group
	// Policies are the managed policies of the accounts, by ARN.
	Policies map[string]*ManagedPolicy
	// Computes are the things that run with a role, such as functions.
	Computes []*Compute
	// Read names the kinds of Compute of which all were read, so that what is
	// not in Computes does not exist.
	Read map[string]bool
	// Unread are layers that may limit and were not read.
	Unread []awsiam.Layer
	// Gaps say what of the input was not understood.
	Gaps []string

	once, judged sync.Once
	made         *index
}

// Principal is a user or a role.
type Principal struct {
	ARN string
	// Ref names it in the inventory.
	Ref     retinue.Ref
	Account string
	Role    bool
	// Own are the policies of the principal itself, Boundary its boundary.
	Own, Boundary []*awsiam.Policy
	// Trust is a role's trust policy.
	Trust []*awsiam.Policy
	// Groups are the ARNs of a user's groups.
	Groups []string
	// Attached are the ARNs of those managed policies that accounts have
	// themselves.
	Attached []string
	// ServiceControl are the organisation's policies for its account, from the
	// root down; empty where it is in none, or where they were not read.
	ServiceControl []awsiam.Level
	Tags           map[string]string
	// Profile is true for a role that an instance profile holds.
	Profile bool
	// Keys is how many access keys a user has, and Login whether it has a
	// password; KeysRead says whether either is known.
	Keys     int
	Login    bool
	KeysRead bool

	rank rank
	traits
}

// Group is a group of users.
type Group struct {
	ARN string
	// Ref names it in the inventory.
	Ref      retinue.Ref
	Policies []*awsiam.Policy
	Attached []string
}

// ManagedPolicy is a customer managed policy.
type ManagedPolicy struct {
	ARN      string
	Document *awsiam.Policy
	// Others are the versions that are not in force, by their ids.
	Others map[string]*awsiam.Policy
}

// Compute is something that acts as a role.
type Compute struct {
	ARN  string
	Kind string // as in the inventory, such as "lambda_function"
	Role string // ARN
	Tags map[string]string
	// Policy is its resource policy.
	Policy []*awsiam.Policy
}

var everything = mustParse(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)

func mustParse(text string) *awsiam.Policy {
	p, err := awsiam.ParseText(text)
	if err != nil {
		panic("escalate: " + err.Error())
	}
	return p
}

// partition is the partition of an ARN.
func partition(arn string) string {
	if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 {
		return parts[1]
	}
	return "aws"
}
