package account

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/graph"
)

// way is what somebody does to a resource: any of the actions is enough.
type way struct {
	verb    graph.Verb
	actions []string
	// part is put behind the resource's name where the actions are for what it
	// holds, such as the objects of a bucket.
	part string
}

// ways says what is done to resources that hold data or secrets, by their kinds
// in the inventory. The actions are those that AWS's service authorization
// reference describes as returning what is stored, as changing it, and as
// setting who may use it (for a database its master password).
func ways() map[string][]way {
	one := func(verb graph.Verb, actions ...string) way { return way{verb: verb, actions: actions} }
	object := func(verb graph.Verb, actions ...string) way {
		return way{verb: verb, actions: actions, part: "/" + unheard}
	}
	return map[string][]way{
		"s3_bucket": {object(graph.Reads, "s3:GetObject"), object(graph.Writes, "s3:PutObject"), one(graph.Administers, "s3:PutBucketPolicy", "s3:PutBucketAcl")},
		// Who overwrites a secret does not come to hold what lay in it.
		"secret":         {one(graph.ReadsSecret, "secretsmanager:GetSecretValue"), one(graph.Administers, "secretsmanager:PutResourcePolicy")},
		"ssm_parameter":  {one(graph.ReadsSecret, "ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath")},
		"kms_key":        {one(graph.Reads, "kms:Decrypt"), one(graph.Administers, "kms:PutKeyPolicy", "kms:CreateGrant")},
		"dynamodb_table": {one(graph.Reads, "dynamodb:GetItem", "dynamodb:Scan", "dynamodb:Query"), one(graph.Writes, "dynamodb:PutItem", "dynamodb:UpdateItem")},
		"db_instance":    {one(graph.Administers, "rds:ModifyDBInstance")},
		"rds_cluster":    {one(graph.Administers, "rds:ModifyDBCluster")},
		"sqs_queue":      {one(graph.Reads, "sqs:ReceiveMessage"), one(graph.Writes, "sqs:SendMessage"), one(graph.Administers, "sqs:AddPermission", "sqs:SetQueueAttributes")},
		"sns_topic":      {one(graph.Reads, "sns:Subscribe"), one(graph.Writes, "sns:Publish"), one(graph.Administers, "sns:AddPermission", "sns:SetTopicAttributes")},
		"ecr_repository": {one(graph.Reads, "ecr:BatchGetImage"), one(graph.Writes, "ecr:PutImage"), one(graph.Administers, "ecr:SetRepositoryPolicy")},
		"efs_file_system": {one(graph.Reads, "elasticfilesystem:ClientMount"), one(graph.Writes, "elasticfilesystem:ClientWrite"),
			one(graph.Administers, "elasticfilesystem:PutFileSystemPolicy")},
	}
}

// divider puts resources together that no statement tells apart for a way.
type divider struct {
	// exact are the resources that patterns without wildcards name; others are
	// the other patterns that bear on the actions.
	exact  map[string]bool
	others []string
	// every resource is by itself where the patterns hold variables that fit
	// it, or there are too many patterns.
	variables []string
	tooMany   bool
}

// maxDivided bounds the patterns by which resources are told apart.
const maxDivided = 2000

// divide collects the patterns of all statements that bear on some actions.
func (e *Engine) divide(actions []string) *divider {
	d := &divider{exact: make(map[string]bool)}
	seen := make(map[string]bool)
	take := func(p *awsiam.Policy) {
		sts := p.Statements()
		for i := range sts {
			st := &sts[i]
			if !slices.ContainsFunc(actions, st.MayApplyTo) {
				continue
			}
			for _, list := range [][]string{st.Resources, st.NotResources} {
				for _, r := range list {
					if !seen[r] {
						seen[r] = true
						d.take(r)
					}
				}
			}
		}
	}
	for _, t := range e.distinct {
		take(t.policy)
	}
	d.tooMany = len(d.others)+len(d.variables) > maxDivided
	return d
}

func (d *divider) take(pattern string) {
	switch {
	case strings.Trim(pattern, "*") == "":
	case strings.Contains(pattern, "${"):
		before, _, _ := strings.Cut(pattern, "${")
		d.variables = append(d.variables, strings.TrimRight(before, "*?"))
	case strings.ContainsAny(pattern, "*?"):
		d.others = append(d.others, pattern)
	default:
		d.exact[pattern] = true
	}
}

// key is the same for resources that no statement tells apart.
func (d *divider) key(asked string, r *resource) string {
	alone := d.tooMany || d.exact[asked] || d.exact[r.ref.Key] || len(r.tags) > 0 || slices.ContainsFunc(r.policies, func(p *policy) bool { return p.text != nil })
	alone = alone || slices.ContainsFunc(d.variables, func(start string) bool { return strings.HasPrefix(asked, start) })
	if alone {
		return r.ref.Key
	}
	bits := make([]byte, (len(d.others)+7)/8)
	for i, p := range d.others {
		if awsiam.MatchResource(p, asked) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return "\x00" + r.account.id + "\x00" + string(bits)
}

// personal reports whether what a statement says of a principal hangs on more
// than its policies, its account and its tags.
func personal(st *awsiam.Statement) bool {
	variable := func(list []string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, "${") })
	}
	if variable(st.Resources) || variable(st.NotResources) || st.NotPrincipals != nil {
		return true
	}
	for i := range st.Conditions {
		key := strings.ToLower(st.Conditions[i].Key)
		if variable(st.Conditions[i].Values) || slices.Contains([]string{"aws:principalarn", "aws:username", "aws:userid", "aws:principaltype"}, key) {
			return true
		}
	}
	return false
}
