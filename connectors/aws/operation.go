package aws

import (
	"slices"
	"strings"
)

// operation is one call of the AWS API, as the AWS CLI names it. The table of
// operations is the single place from which the live calls, the recognition of
// exports, the export script and the privileges follow.
type operation struct {
	// name is the CLI's service and command, such as "iam list-users".
	name string
	// actions are the IAM actions that the call needs.
	actions []string
	// regional calls are made in every enabled region.
	regional bool
	// each names the operation whose answer lists the subjects of this one;
	// query is the JMESPath expression by which the script takes them from it,
	// flag the argument that passes a subject on.
	each, query, flag string
	// args are further arguments of the CLI.
	args string
	// member is the top-level member by which a bare export of the operation
	// is recognised; empty where it is not, or only with members beside it.
	member string
	// beside are members that must stand beside member.
	beside []string
	// organization marks calls that only the organisation's management account
	// or a delegated administrator may make. The script treats them apart.
	organization bool
}

func (o operation) service() string { s, _, _ := strings.Cut(o.name, " "); return s }
func (o operation) command() string { _, c, _ := strings.Cut(o.name, " "); return c }

// The operations that code names.
const (
	opIdentity     = "sts get-caller-identity"
	opAuthz        = "iam get-account-authorization-details"
	opReport       = "iam get-credential-report"
	opAliases      = "iam list-account-aliases"
	opAccessKeys   = "iam list-access-keys"
	opKeyLastUsed  = "iam get-access-key-last-used"
	opProfiles     = "iam list-instance-profiles"
	opOIDCList     = "iam list-open-id-connect-providers"
	opOIDC         = "iam get-open-id-connect-provider"
	opSAML         = "iam list-saml-providers"
	opUsers        = "iam list-users"
	opRoles        = "iam list-roles"
	opGroups       = "iam list-groups"
	opRegions      = "ec2 describe-regions"
	opInstances    = "ec2 describe-instances"
	opBuckets      = "s3api list-buckets"
	opBucketPolicy = "s3api get-bucket-policy"
	opFunctions    = "lambda list-functions"
	opFuncPolicy   = "lambda get-policy"
	opSecrets      = "secretsmanager list-secrets"
	opSecretPolicy = "secretsmanager get-resource-policy"
	opKeys         = "kms list-keys"
	opKey          = "kms describe-key"
	opKeyPolicy    = "kms get-key-policy"
	opQueues       = "sqs list-queues"
	opQueue        = "sqs get-queue-attributes"
	opTopics       = "sns list-topics"
	opTopic        = "sns get-topic-attributes"
	opTaskFamilies = "ecs list-task-definition-families"
	opTask         = "ecs describe-task-definition"
	opClusters     = "ecs list-clusters"
	opServices     = "ecs list-services"
	opService      = "ecs describe-services"
	opEKSClusters  = "eks list-clusters"
	opEKSCluster   = "eks describe-cluster"
	opPodList      = "eks list-pod-identity-associations"
	opPod          = "eks describe-pod-identity-association"
	opEntryList    = "eks list-access-entries"
	opEntry        = "eks describe-access-entry"
	opEntryPolicy  = "eks list-associated-access-policies"
	opAnchors      = "rolesanywhere list-trust-anchors"
	opRAProfiles   = "rolesanywhere list-profiles"
	opSSOInstances = "sso-admin list-instances"
	opPermSets     = "sso-admin list-permission-sets"
	opPermSet      = "sso-admin describe-permission-set"
	opPermInline   = "sso-admin get-inline-policy-for-permission-set"
	opPermManaged  = "sso-admin list-managed-policies-in-permission-set"
	opPermAccounts = "sso-admin list-accounts-for-provisioned-permission-set"
	opAssignments  = "sso-admin list-account-assignments"
	opOrganization = "organizations describe-organization"
	opOrgAccounts  = "organizations list-accounts"
	opOrgRoots     = "organizations list-roots"
	opOrgUnits     = "organizations list-organizational-units-for-parent"
	opOrgMembers   = "organizations list-accounts-for-parent"
	opOrgPolicies  = "organizations list-policies"
	opOrgPolicy    = "organizations describe-policy"
	opOrgTargets   = "organizations list-targets-for-policy"
)

// subjectSeparator joins the parts of a subject that takes several arguments.
const subjectSeparator = " "

// operations returns the table.
func operations() []operation {
	return slices.Concat(iamOperations(), regionalOperations(), organizationOperations())
}

func iamOperations() []operation {
	return []operation{
		{name: opIdentity},
		{name: opAuthz, actions: []string{"iam:GetAccountAuthorizationDetails"}},
		{name: opReport, actions: []string{"iam:GenerateCredentialReport", "iam:GetCredentialReport"},
			member: "Content", beside: []string{"ReportFormat"}},
		{name: opAliases, actions: []string{"iam:ListAccountAliases"}, member: "AccountAliases"},
		{name: opUsers, actions: []string{"iam:ListUsers"}, member: "Users"},
		{name: opRoles, member: "Roles"},
		{name: opGroups, member: "Groups"},
		{name: opAccessKeys, actions: []string{"iam:ListAccessKeys"}, each: opUsers, query: "Users[].UserName",
			flag: "--user-name", member: "AccessKeyMetadata"},
		{name: opKeyLastUsed, actions: []string{"iam:GetAccessKeyLastUsed"}, each: opAccessKeys,
			query: "AccessKeyMetadata[].AccessKeyId", flag: "--access-key-id"},
		{name: opProfiles, actions: []string{"iam:ListInstanceProfiles"}, member: "InstanceProfiles"},
		{name: opOIDCList, actions: []string{"iam:ListOpenIDConnectProviders"}, member: "OpenIDConnectProviderList"},
		{name: opOIDC, actions: []string{"iam:GetOpenIDConnectProvider"}, each: opOIDCList,
			query: "OpenIDConnectProviderList[].Arn", flag: "--open-id-connect-provider-arn"},
		{name: opSAML, actions: []string{"iam:ListSAMLProviders"}, member: "SAMLProviderList"},
		{name: opRegions, actions: []string{"ec2:DescribeRegions"}, member: "Regions"},
		{name: opBuckets, actions: []string{"s3:ListAllMyBuckets"}, member: "Buckets"},
		{name: opBucketPolicy, actions: []string{"s3:GetBucketPolicy", "s3:GetBucketLocation"}, each: opBuckets,
			query: "Buckets[].Name", flag: "--bucket"},
	}
}

func regionalOperations() []operation {
	ops := []operation{
		{name: opInstances, actions: []string{"ec2:DescribeInstances"}, member: "Reservations"},
		{name: opFunctions, actions: []string{"lambda:ListFunctions"}, member: "Functions"},
		{name: opFuncPolicy, actions: []string{"lambda:GetPolicy"}, each: opFunctions,
			query: "Functions[].FunctionArn", flag: "--function-name", member: "Policy", beside: []string{"RevisionId"}},
		{name: opSecrets, actions: []string{"secretsmanager:ListSecrets"}, member: "SecretList"},
		{name: opSecretPolicy, actions: []string{"secretsmanager:GetResourcePolicy"}, each: opSecrets,
			query: "SecretList[].ARN", flag: "--secret-id", member: "ResourcePolicy"},
		{name: opKeys, actions: []string{"kms:ListKeys"}, member: "Keys"},
		{name: opKey, actions: []string{"kms:DescribeKey"}, each: opKeys, query: "Keys[].KeyArn", flag: "--key-id", member: "KeyMetadata"},
		{name: opKeyPolicy, actions: []string{"kms:GetKeyPolicy"}, each: opKeys, query: "Keys[].KeyArn",
			flag: "--key-id", args: "--policy-name default"},
		{name: opQueues, actions: []string{"sqs:ListQueues"}, member: "QueueUrls"},
		{name: opQueue, actions: []string{"sqs:GetQueueAttributes"}, each: opQueues, query: "QueueUrls[]",
			flag: "--queue-url", args: "--attribute-names All"},
		{name: opTopics, actions: []string{"sns:ListTopics"}, member: "Topics"},
		{name: opTopic, actions: []string{"sns:GetTopicAttributes"}, each: opTopics, query: "Topics[].TopicArn", flag: "--topic-arn"},
		{name: opTaskFamilies, actions: []string{"ecs:ListTaskDefinitionFamilies"}, args: "--status ACTIVE", member: "families"},
		{name: opTask, actions: []string{"ecs:DescribeTaskDefinition"}, each: opTaskFamilies, query: "families[]",
			flag: "--task-definition", member: "taskDefinition"},
		{name: opClusters, actions: []string{"ecs:ListClusters"}, member: "clusterArns"},
		{name: opServices, actions: []string{"ecs:ListServices"}, each: opClusters, query: "clusterArns[]", flag: "--cluster", member: "serviceArns"},
		{name: opService, actions: []string{"ecs:DescribeServices"}, each: opServices, query: "serviceArns[]",
			flag: "--cluster --services", member: "services"},
		{name: opEKSClusters, actions: []string{"eks:ListClusters"}, member: "clusters"},
		{name: opEKSCluster, actions: []string{"eks:DescribeCluster"}, each: opEKSClusters, query: "clusters[]", flag: "--name", member: "cluster"},
		{name: opPodList, actions: []string{"eks:ListPodIdentityAssociations"}, each: opEKSClusters, query: "clusters[]", flag: "--cluster-name", member: "associations"},
		{name: opPod, actions: []string{"eks:DescribePodIdentityAssociation"}, each: opPodList,
			query: "associations[].associationId", flag: "--cluster-name --association-id", member: "association"},
		{name: opEntryList, actions: []string{"eks:ListAccessEntries"}, each: opEKSClusters, query: "clusters[]", flag: "--cluster-name", member: "accessEntries"},
		{name: opEntry, actions: []string{"eks:DescribeAccessEntry"}, each: opEntryList, query: "accessEntries[]",
			flag: "--cluster-name --principal-arn", member: "accessEntry"},
		{name: opEntryPolicy, actions: []string{"eks:ListAssociatedAccessPolicies"}, each: opEntryList, query: "accessEntries[]",
			flag: "--cluster-name --principal-arn", member: "associatedAccessPolicies"},
		{name: opAnchors, actions: []string{"rolesanywhere:ListTrustAnchors"}, member: "trustAnchors"},
		{name: opRAProfiles, actions: []string{"rolesanywhere:ListProfiles"}, member: "profiles"},
	}
	for i := range ops {
		ops[i].regional = true
	}
	return ops
}

func organizationOperations() []operation {
	ops := []operation{
		{name: opOrganization, actions: []string{"organizations:DescribeOrganization"}, member: "Organization"},
		{name: opOrgAccounts, actions: []string{"organizations:ListAccounts"}, member: "Accounts"},
		{name: opOrgRoots, actions: []string{"organizations:ListRoots"}, member: "Roots"},
		{name: opOrgUnits, actions: []string{"organizations:ListOrganizationalUnitsForParent"}, flag: "--parent-id"},
		{name: opOrgMembers, actions: []string{"organizations:ListAccountsForParent"}, flag: "--parent-id"},
		{name: opOrgPolicies, actions: []string{"organizations:ListPolicies"}, flag: "--filter"},
		{name: opOrgPolicy, actions: []string{"organizations:DescribePolicy"}, each: opOrgPolicies, query: "Policies[].Id", flag: "--policy-id"},
		{name: opOrgTargets, actions: []string{"organizations:ListTargetsForPolicy"}, each: opOrgPolicies, query: "Policies[].Id", flag: "--policy-id"},
		{name: opSSOInstances, actions: []string{"sso:ListInstances"}, member: "Instances"},
		{name: opPermSets, actions: []string{"sso:ListPermissionSets"}, each: opSSOInstances, query: "Instances[].InstanceArn", flag: "--instance-arn"},
		{name: opPermSet, actions: []string{"sso:DescribePermissionSet"}, each: opPermSets, query: "PermissionSets[]", flag: "--instance-arn --permission-set-arn"},
		{name: opPermInline, actions: []string{"sso:GetInlinePolicyForPermissionSet"}, each: opPermSets, query: "PermissionSets[]", flag: "--instance-arn --permission-set-arn"},
		{name: opPermManaged, actions: []string{"sso:ListManagedPoliciesInPermissionSet"}, each: opPermSets, query: "PermissionSets[]", flag: "--instance-arn --permission-set-arn"},
		{name: opPermAccounts, actions: []string{"sso:ListAccountsForProvisionedPermissionSet"}, each: opPermSets, query: "PermissionSets[]", flag: "--instance-arn --permission-set-arn"},
		{name: opAssignments, actions: []string{"sso:ListAccountAssignments"}, each: opPermAccounts, query: "AccountIds[]", flag: "--instance-arn --permission-set-arn --account-id"},
	}
	for i := range ops {
		ops[i].organization = true
	}
	return ops
}

// actionsOf returns the IAM actions that a set of operations needs, in order.
func actionsOf(keep func(operation) bool) []string {
	var out []string
	for _, o := range operations() {
		if keep(o) {
			out = append(out, o.actions...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
