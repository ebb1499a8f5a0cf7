package demo

import (
	"fmt"

	"github.com/retinue-id/retinue"
)

// managedPolicies are the policies that AWS keeps and the company uses, cut
// down to what they allow.
func managedPolicies() []struct {
	name, document string
	managed        retinue.Management
} {
	allow := func(actions string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` + actions + `],"Resource":"*"}]}`
	}
	return []struct {
		name, document string
		managed        retinue.Management
	}{
		{"AdministratorAccess", allow(`"*"`), retinue.ManagedByProvider},
		{"IAMFullAccess", allow(`"iam:*","organizations:DescribeAccount"`), retinue.ManagedByProvider},
		{"ReadOnlyAccess", allow(`"ec2:Describe*","s3:Get*","s3:List*","rds:Describe*","logs:Get*","iam:Get*","iam:List*"`), retinue.ManagedByProvider},
		{"SecurityAudit", allow(`"iam:Get*","iam:List*","cloudtrail:Describe*","config:Get*","ec2:Describe*"`), retinue.ManagedByProvider},
		{"AmazonS3FullAccess", allow(`"s3:*"`), retinue.ManagedByProvider},
	}
}

func narrowPolicy(app, account string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:PutItem","dynamodb:Query"],`+
		`"Resource":"arn:aws:dynamodb:eu-west-1:%[2]s:table/%[1]s"},{"Effect":"Allow","Action":["sqs:SendMessage","sqs:ReceiveMessage"],`+
		`"Resource":"arn:aws:sqs:eu-west-1:%[2]s:%[1]s-*"}]}`, app, account)
}

func widePolicy(service string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + service + `:*","Resource":"*"}]}`
}

// clusterRoles are rules of roles of a cluster, by name.
func clusterRoles() map[string]string {
	return map[string]string{
		"cluster-admin": `[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]},{"nonResourceURLs":["*"],"verbs":["*"]}]`,
		"view":          `[{"apiGroups":["","apps"],"resources":["configmaps","pods","services","deployments"],"verbs":["get","list","watch"]}]`,
		"edit": `[{"apiGroups":[""],"resources":["configmaps","pods","secrets"],"verbs":["*"]},` +
			`{"apiGroups":["apps"],"resources":["deployments"],"verbs":["create","update","patch"]}]`,
		"config-reader":  `[{"apiGroups":[""],"resources":["configmaps"],"verbs":["get","list","watch"]}]`,
		"secret-reader":  `[{"apiGroups":[""],"resources":["secrets"],"verbs":["get","list","watch"]}]`,
		"lease-holder":   `[{"apiGroups":["coordination.k8s.io"],"resources":["leases"],"verbs":["get","create","update"]}]`,
		"metrics-reader": `[{"apiGroups":[""],"resources":["nodes/metrics","pods"],"verbs":["get","list"]}]`,
	}
}
