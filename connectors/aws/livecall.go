package aws

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/rolesanywhere"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
)

// clients are the service clients of one region.
type clients struct {
	iam     *iam.Client
	org     *organizations.Client
	secrets *secretsmanager.Client
	lambda  *lambda.Client
	ecs     *ecs.Client
	eks     *eks.Client
	kms     *kms.Client
	sqs     *sqs.Client
	sns     *sns.Client
	s3      *s3.Client
	s3In    func(region string) *s3.Client
	ra      *rolesanywhere.Client
	sso     *ssoadmin.Client
	ec2     *ec2Client
}

func newClients(base aws.Config, region string, emulated bool) *clients {
	cfg := base.Copy()
	cfg.Region = region
	s3In := func(region string) *s3.Client {
		return s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle, o.Region = emulated, region })
	}
	return &clients{iam: iam.NewFromConfig(cfg), org: organizations.NewFromConfig(cfg), secrets: secretsmanager.NewFromConfig(cfg),
		lambda: lambda.NewFromConfig(cfg), ecs: ecs.NewFromConfig(cfg), eks: eks.NewFromConfig(cfg), kms: kms.NewFromConfig(cfg),
		sqs: sqs.NewFromConfig(cfg), sns: sns.NewFromConfig(cfg), s3: s3In(region), s3In: s3In, ra: rolesanywhere.NewFromConfig(cfg),
		sso: ssoadmin.NewFromConfig(cfg), ec2: newEC2Client(cfg)}
}

// liveCall makes a call and hands each page of the answer on.
type liveCall func(ctx context.Context, c *clients, what call, page func(any) error) error

// pager is what the SDK's paginators have in common.
type pager[O, F any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...F) (*O, error)
}

func each[O, F any](ctx context.Context, p pager[O, F], page func(any) error) error {
	for p.HasMorePages() {
		out, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		if err := page(out); err != nil {
			return err
		}
	}
	return nil
}

// answer hands on an answer that has one page.
func answer[O any](out *O, err error, page func(any) error) error {
	if err != nil {
		return err
	}
	return page(out)
}

// liveCalls has a function for every operation of the table.
func liveCalls() map[string]liveCall {
	m := iamCalls()
	for _, more := range []map[string]liveCall{dataCalls(), workloadCalls(), organizationCalls()} {
		for k, v := range more {
			m[k] = v
		}
	}
	return m
}

func iamCalls() map[string]liveCall {
	return map[string]liveCall{
		opAuthz: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, iam.NewGetAccountAuthorizationDetailsPaginator(c.iam, &iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(500)}), page)
		},
		opReport: credentialReport,
		opAliases: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, iam.NewListAccountAliasesPaginator(c.iam, &iam.ListAccountAliasesInput{}), page)
		},
		opUsers: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, iam.NewListUsersPaginator(c.iam, &iam.ListUsersInput{MaxItems: aws.Int32(1000)}), page)
		},
		opRoles: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, iam.NewListRolesPaginator(c.iam, &iam.ListRolesInput{MaxItems: aws.Int32(1000)}), page)
		},
		opGroups: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, iam.NewListGroupsPaginator(c.iam, &iam.ListGroupsInput{MaxItems: aws.Int32(1000)}), page)
		},
		opAccessKeys: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			return each(ctx, iam.NewListAccessKeysPaginator(c.iam, &iam.ListAccessKeysInput{UserName: aws.String(w.subject)}), page)
		},
		opKeyLastUsed: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			out, err := c.iam.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(w.subject)})
			return answer(out, err, page)
		},
		opProfiles: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, iam.NewListInstanceProfilesPaginator(c.iam, &iam.ListInstanceProfilesInput{MaxItems: aws.Int32(1000)}), page)
		},
		opOIDCList: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			out, err := c.iam.ListOpenIDConnectProviders(ctx, nil)
			return answer(out, err, page)
		},
		opOIDC: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			out, err := c.iam.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(w.subject)})
			return answer(out, err, page)
		},
		opSAML: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			out, err := c.iam.ListSAMLProviders(ctx, nil)
			return answer(out, err, page)
		},
	}
}

// reportTries is how often a report that is being made is asked for.
const reportTries = 20

// credentialReport has AWS make the report, which takes seconds, and fetches it.
func credentialReport(ctx context.Context, c *clients, _ call, page func(any) error) error {
	for range reportTries {
		out, err := c.iam.GenerateCredentialReport(ctx, nil)
		if err != nil {
			return err
		}
		if out.State == iamtypes.ReportStateTypeComplete {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Second):
		}
	}
	out, err := c.iam.GetCredentialReport(ctx, nil)
	return answer(out, err, page)
}

func dataCalls() map[string]liveCall {
	return map[string]liveCall{
		opBuckets: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, s3.NewListBucketsPaginator(c.s3, &s3.ListBucketsInput{MaxBuckets: aws.Int32(1000)}), page)
		},
		opBucketPolicy: bucketPolicy,
		opSecrets: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, secretsmanager.NewListSecretsPaginator(c.secrets, &secretsmanager.ListSecretsInput{MaxResults: aws.Int32(100)}), page)
		},
		opSecretPolicy: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			out, err := c.secrets.GetResourcePolicy(ctx, &secretsmanager.GetResourcePolicyInput{SecretId: aws.String(w.subject)})
			return answer(out, err, page)
		},
		opKeys: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, kms.NewListKeysPaginator(c.kms, &kms.ListKeysInput{Limit: aws.Int32(1000)}), page)
		},
		opKey: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			out, err := c.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(w.subject)})
			return answer(out, err, page)
		},
		opKeyPolicy: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			out, err := c.kms.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: aws.String(w.subject), PolicyName: aws.String("default")})
			return answer(out, err, page)
		},
		opQueues: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, sqs.NewListQueuesPaginator(c.sqs, &sqs.ListQueuesInput{MaxResults: aws.Int32(1000)}), page)
		},
		opQueue: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			out, err := c.sqs.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: aws.String(w.subject),
				AttributeNames: []sqstypes.QueueAttributeName{sqstypes.QueueAttributeNameAll}})
			return answer(out, err, page)
		},
		opTopics: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, sns.NewListTopicsPaginator(c.sns, &sns.ListTopicsInput{}), page)
		},
		opTopic: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			out, err := c.sns.GetTopicAttributes(ctx, &sns.GetTopicAttributesInput{TopicArn: aws.String(w.subject)})
			return answer(out, err, page)
		},
		opRegions: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return c.ec2.regions(ctx, page)
		},
		opInstances: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return c.ec2.instances(ctx, page)
		},
	}
}

// bucketPolicy asks in the bucket's own region, which S3 demands.
func bucketPolicy(ctx context.Context, c *clients, w call, page func(any) error) error {
	bucket := aws.String(w.subject)
	loc, err := c.s3.GetBucketLocation(ctx, &s3.GetBucketLocationInput{Bucket: bucket})
	if err != nil {
		return err
	}
	region := string(loc.LocationConstraint)
	switch region {
	case "":
		region = "us-east-1"
	case "EU":
		region = "eu-west-1"
	}
	out, err := c.s3In(region).GetBucketPolicy(ctx, &s3.GetBucketPolicyInput{Bucket: bucket})
	return answer(out, err, page)
}

func workloadCalls() map[string]liveCall {
	return map[string]liveCall{
		opFunctions: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, lambda.NewListFunctionsPaginator(c.lambda, &lambda.ListFunctionsInput{}), page)
		},
		opFuncPolicy: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			out, err := c.lambda.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: aws.String(w.subject)})
			return answer(out, err, page)
		},
		opTaskFamilies: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, ecs.NewListTaskDefinitionFamiliesPaginator(c.ecs, &ecs.ListTaskDefinitionFamiliesInput{Status: "ACTIVE"}), page)
		},
		opTask: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			out, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(w.subject)})
			return answer(out, err, page)
		},
		opClusters: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, ecs.NewListClustersPaginator(c.ecs, &ecs.ListClustersInput{}), page)
		},
		opServices: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			return each(ctx, ecs.NewListServicesPaginator(c.ecs, &ecs.ListServicesInput{Cluster: aws.String(w.subject), MaxResults: aws.Int32(100)}), page)
		},
		opService: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			a := w.args(2)
			out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(a[0]), Services: []string{a[1]}})
			return answer(out, err, page)
		},
		opEKSClusters: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, eks.NewListClustersPaginator(c.eks, &eks.ListClustersInput{}), page)
		},
		opEKSCluster: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			out, err := c.eks.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: aws.String(w.subject)})
			return answer(out, err, page)
		},
		opPodList: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			return each(ctx, eks.NewListPodIdentityAssociationsPaginator(c.eks, &eks.ListPodIdentityAssociationsInput{ClusterName: aws.String(w.subject)}), page)
		},
		opPod: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			a := w.args(2)
			out, err := c.eks.DescribePodIdentityAssociation(ctx, &eks.DescribePodIdentityAssociationInput{ClusterName: aws.String(a[0]), AssociationId: aws.String(a[1])})
			return answer(out, err, page)
		},
		opEntryList: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			return each(ctx, eks.NewListAccessEntriesPaginator(c.eks, &eks.ListAccessEntriesInput{ClusterName: aws.String(w.subject)}), page)
		},
		opEntry: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			a := w.args(2)
			out, err := c.eks.DescribeAccessEntry(ctx, &eks.DescribeAccessEntryInput{ClusterName: aws.String(a[0]), PrincipalArn: aws.String(a[1])})
			return answer(out, err, page)
		},
		opEntryPolicy: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			a := w.args(2)
			return each(ctx, eks.NewListAssociatedAccessPoliciesPaginator(c.eks, &eks.ListAssociatedAccessPoliciesInput{ClusterName: aws.String(a[0]), PrincipalArn: aws.String(a[1])}), page)
		},
		opAnchors: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, rolesanywhere.NewListTrustAnchorsPaginator(c.ra, &rolesanywhere.ListTrustAnchorsInput{}), page)
		},
		opRAProfiles: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, rolesanywhere.NewListProfilesPaginator(c.ra, &rolesanywhere.ListProfilesInput{}), page)
		},
	}
}

func organizationCalls() map[string]liveCall {
	return map[string]liveCall{
		opOrganization: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			out, err := c.org.DescribeOrganization(ctx, nil)
			return answer(out, err, page)
		},
		opOrgAccounts: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, organizations.NewListAccountsPaginator(c.org, &organizations.ListAccountsInput{}), page)
		},
		opOrgRoots: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, organizations.NewListRootsPaginator(c.org, &organizations.ListRootsInput{}), page)
		},
		opOrgUnits: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			return each(ctx, organizations.NewListOrganizationalUnitsForParentPaginator(c.org, &organizations.ListOrganizationalUnitsForParentInput{ParentId: aws.String(w.subject)}), page)
		},
		opOrgMembers: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			return each(ctx, organizations.NewListAccountsForParentPaginator(c.org, &organizations.ListAccountsForParentInput{ParentId: aws.String(w.subject)}), page)
		},
		opOrgPolicies: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			return each(ctx, organizations.NewListPoliciesPaginator(c.org, &organizations.ListPoliciesInput{Filter: orgtypes.PolicyType(w.subject)}), page)
		},
		opOrgPolicy: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			out, err := c.org.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: aws.String(w.subject)})
			return answer(out, err, page)
		},
		opOrgTargets: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			return each(ctx, organizations.NewListTargetsForPolicyPaginator(c.org, &organizations.ListTargetsForPolicyInput{PolicyId: aws.String(w.subject)}), page)
		},
		opSSOInstances: func(ctx context.Context, c *clients, _ call, page func(any) error) error {
			return each(ctx, ssoadmin.NewListInstancesPaginator(c.sso, &ssoadmin.ListInstancesInput{}), page)
		},
		opPermSets: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			return each(ctx, ssoadmin.NewListPermissionSetsPaginator(c.sso, &ssoadmin.ListPermissionSetsInput{InstanceArn: aws.String(w.subject)}), page)
		},
		opPermSet: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			a := w.args(2)
			out, err := c.sso.DescribePermissionSet(ctx, &ssoadmin.DescribePermissionSetInput{InstanceArn: aws.String(a[0]), PermissionSetArn: aws.String(a[1])})
			return answer(out, err, page)
		},
		opPermInline: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			a := w.args(2)
			out, err := c.sso.GetInlinePolicyForPermissionSet(ctx, &ssoadmin.GetInlinePolicyForPermissionSetInput{InstanceArn: aws.String(a[0]), PermissionSetArn: aws.String(a[1])})
			return answer(out, err, page)
		},
		opPermManaged: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			a := w.args(2)
			return each(ctx, ssoadmin.NewListManagedPoliciesInPermissionSetPaginator(c.sso, &ssoadmin.ListManagedPoliciesInPermissionSetInput{InstanceArn: aws.String(a[0]), PermissionSetArn: aws.String(a[1])}), page)
		},
		opPermAccounts: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			a := w.args(2)
			return each(ctx, ssoadmin.NewListAccountsForProvisionedPermissionSetPaginator(c.sso, &ssoadmin.ListAccountsForProvisionedPermissionSetInput{InstanceArn: aws.String(a[0]), PermissionSetArn: aws.String(a[1])}), page)
		},
		opAssignments: func(ctx context.Context, c *clients, w call, page func(any) error) error {
			a := w.args(3)
			return each(ctx, ssoadmin.NewListAccountAssignmentsPaginator(c.sso, &ssoadmin.ListAccountAssignmentsInput{InstanceArn: aws.String(a[0]), PermissionSetArn: aws.String(a[1]), AccountId: aws.String(a[2])}), page)
		},
	}
}
