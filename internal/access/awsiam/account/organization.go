package account

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// account is an AWS account, with the organisation's policies over it.
type account struct {
	id string
	// service and control are the service and resource control policies from
	// the organisation's root down.
	service, control []awsiam.Level
	// read is true where all of the organisation's policies over it were read.
	read bool
	// management accounts are not limited by their organisation ("Service
	// control policies": "SCPs don't affect users or roles in the management
	// account"; "Resource control policies" says the same of its resources).
	management bool
	// organization is the organisation's id, and path the account's in it, in
	// the form of aws:PrincipalOrgPaths; both may be empty.
	organization, path string
}

// maxDepth bounds the way from an account to its organisation; AWS allows five
// units over one another.
const maxDepth = 20

// accountOf returns the account of an id.
func (l *loader) accountOf(id string, whole map[retinue.Scope]bool) *account {
	if a, ok := l.accounts[id]; ok {
		return a
	}
	a := &account{id: id}
	l.accounts[id] = a
	at := retinue.NewRef(retinue.NewRealm("aws", id), "account", id)
	var way []*node
	for depth := 0; !at.IsZero() && depth < maxDepth; depth++ {
		n := l.nodes[at]
		if n == nil {
			break
		}
		way = append(way, n)
		at = n.parent
	}
	if len(way) == 0 {
		return a
	}
	top := way[len(way)-1]
	if top.ref.Kind == "organization" {
		a.organization = top.ref.Key
		a.read = whole[retinue.NewScope(top.ref.Realm, "control-policies")]
		a.management = top.manager == id
	}
	a.management = a.management || way[0].management
	slices.Reverse(way)
	for _, n := range way {
		if a.organization != "" {
			switch n.ref.Kind {
			case "organization", "unit":
				a.path += n.ref.Key + "/"
			}
		}
		a.service = l.level(a, a.service, n, n.service)
		a.control = l.level(a, a.control, n, n.resource)
	}
	if a.management {
		a.service, a.control, a.read = nil, nil, true
	}
	return a
}

// fullAccess is the end of the names of the policies that AWS attaches to every
// node of an organisation, and that allow everything.
const fullAccess = "FullAWSAccess"

// level adds the policies of a node. A node of an organisation always has a
// policy, so one without was not read.
func (l *loader) level(a *account, levels []awsiam.Level, n *node, policies []*policy) []awsiam.Level {
	if len(policies) == 0 {
		return levels
	}
	out := awsiam.Level{Name: n.ref.Key}
	for _, p := range policies {
		switch {
		case p.Policy != nil:
			out.Policies = append(out.Policies, p.Policy)
		default:
			if !strings.HasSuffix(p.ref.Key, fullAccess) {
				a.read = false
				l.gap(retinue.NewRealm("aws", a.id), "the document of "+p.ref.Key+", attached to "+n.ref.Key+", was not read")
			}
			out.Policies = append(out.Policies, everything().Named(p.ref.Key))
		}
	}
	return append(levels, out)
}

// everything allows every action. It stands for a control policy that was not
// read, which is then named as unread.
func everything() *awsiam.Policy {
	p, err := awsiam.ParseText(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	if err != nil {
		panic("account: " + err.Error())
	}
	return p
}
