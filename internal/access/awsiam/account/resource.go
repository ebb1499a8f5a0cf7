package account

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// thing is the resource of a question, as far as it is known.
type thing struct {
	arn     string
	service string
	account *account // nil where it is of an account that is not known
	// policies are the resource's own; read says that they are all.
	policies []*policy
	read     bool
	tags     map[string]string
	// tagged says that the tags are known to be all.
	tagged bool
	listed bool
}

// thing finds the resource of a question. One whose name has no account, such
// as a bucket, is taken to be of the asking account where the inventory does
// not hold it.
func (e *Engine) thing(action, arn string, asking *account) thing {
	t := thing{arn: arn, account: asking}
	t.service, _, _ = strings.Cut(strings.ToLower(action), ":")
	if arn == "" || arn == "*" {
		t.read = true
		return t
	}
	if p := e.principalOf(arn); p != nil {
		t.account, t.policies, t.tags, t.tagged, t.listed = p.account, p.trust, p.tags, true, true
		t.read = len(p.trust) > 0 && !slices.ContainsFunc(p.trust, func(d *policy) bool { return d.Policy == nil }) || t.service != "sts"
		return t
	}
	if r := e.listed(arn); r != nil {
		t.account, t.policies, t.tags, t.listed = r.account, r.policies, r.tags, true
		t.tagged = len(r.tags) > 0 || r.kind == "ec2_instance" || r.kind == "secret"
		t.read = e.policyRead(r) || !hasPolicies(t.service)
		return t
	}
	if id := accountIn(arn); id != "" {
		t.account = e.accounts[id]
		if t.account == nil {
			t.account = &account{id: id}
		}
	}
	t.read = !hasPolicies(t.service)
	return t
}

// accountIn is the account of an ARN; empty where it has none.
func accountIn(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && len(parts[4]) == 12 && strings.Trim(parts[4], "0123456789") == "" {
		return parts[4]
	}
	return ""
}

// listed finds a resource of the inventory by its ARN or by that of a part of
// it: an object of a bucket, a version of a function, an index of a table.
func (e *Engine) listed(arn string) *resource {
	if r := e.resources[arn]; r != nil {
		return r
	}
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return nil
	}
	head, rest := strings.TrimSuffix(arn, parts[5]), parts[5]
	switch parts[2] {
	case "s3":
		rest, _, _ = strings.Cut(rest, "/")
	case "lambda":
		if kind, name, ok := strings.Cut(rest, ":"); ok {
			name, _, _ = strings.Cut(name, ":")
			rest = kind + ":" + name
		}
	case "dynamodb":
		if kind, name, ok := strings.Cut(rest, "/"); ok {
			name, _, _ = strings.Cut(name, "/")
			rest = kind + "/" + name
		}
	default:
		return nil
	}
	return e.resources[head+rest]
}

// policyRead reports whether all of the policy of a resource was read: it is
// there, or the listing of such policies was whole. A Terraform state is taken
// to hold the policies of what it holds.
func (e *Engine) policyRead(r *resource) bool {
	if len(r.policies) > 0 {
		return !slices.ContainsFunc(r.policies, func(d *policy) bool { return d.Policy == nil })
	}
	if e.terraform[r.ref.Realm] {
		return true
	}
	region := func(path string) bool {
		return e.whole[retinue.NewScope(r.ref.Realm, "region", r.region, path)]
	}
	switch r.kind {
	case "s3_bucket":
		return e.whole[retinue.NewScope(r.ref.Realm, "s3-policies")]
	case "lambda_function":
		return region("lambda-policies")
	case "secret":
		return region("secret-policies")
	case "kms_key":
		return region("kms-policies")
	case "sqs_queue":
		return region("sqs-queues")
	case "sns_topic":
		return region("sns-topics")
	}
	return false
}

// hasPolicies reports whether resources of a service can have policies of their
// own ("AWS services that work with IAM", column "Resource-based policies";
// sts stands for the trust policies of roles).
func hasPolicies(service string) bool {
	switch service {
	case "acm-pca", "apigateway", "backup", "bedrock", "bedrock-agentcore", "cassandra", "cloudtrail", "codeartifact", "codebuild",
		"dynamodb", "ecr", "elasticfilesystem", "es", "events", "execute-api", "glacier", "glue", "iot", "kinesis", "kms", "lambda", "lex",
		"logs", "mediastore", "ram", "redshift", "redshift-serverless", "refactor-spaces", "rekognition", "s3", "s3-object-lambda",
		"s3-outposts", "s3express", "s3tables", "sagemaker", "schemas", "secretsmanager", "serverlessrepo", "ses", "signer", "sns", "sqs",
		"ssm", "ssm-contacts", "ssm-incidents", "sts", "vpc-lattice", "xray":
		return true
	}
	return false
}

// on adds to the layers of a principal those of a resource.
func (e *Engine) on(l *awsiam.Layers, t *thing) {
	for _, p := range t.policies {
		if p.Policy != nil {
			l.Resource = append(l.Resource, p.Policy)
		}
	}
	if !t.read {
		l.Unread = append(l.Unread, awsiam.LayerResource)
	}
	if s, ok := e.data.Service(t.service); !ok || !s.ResourceControl {
		return
	}
	l.ResourceControl = t.account.control
	if !t.account.read && t.arn != "*" {
		l.Unread = append(l.Unread, awsiam.LayerResourceControl)
	}
}
