package aws

import (
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

// touchRule says what a call does to something that governance is about. The
// target is the thing acted on, or what the rule's own words say:
//
//	user, role, group  the one of IAM that the parameters name; without a name,
//	                   a user is the caller
//	key                the access key that the parameters or the answer name
//	password           the console password of the user
//	passed             the role that is handed over
//	status             the access key, disabled or enabled as the status says
//	decrypted          the thing acted on, where its value was decrypted
//	none               nothing that is named
type touchRule struct {
	kind   retinue.TouchKind
	target string
}

// touchRules are the calls that touch identities, credentials, secrets and
// controls, by action.
func touchRules() map[string][]touchRule {
	const table = `
iam:CreateUser create user
iam:CreateRole create role
iam:CreateServiceLinkedRole create role
iam:DeleteUser delete user
iam:DeleteRole delete role
iam:DeleteServiceLinkedRole delete role
iam:CreateAccessKey issue user,key
iam:UpdateAccessKey disable status
iam:DeleteAccessKey delete key
iam:CreateLoginProfile issue user,password
iam:UpdateLoginProfile rotate password
iam:ChangePassword rotate password
iam:DeleteLoginProfile delete password
iam:CreateServiceSpecificCredential issue user
iam:ResetServiceSpecificCredential rotate user
iam:DeleteServiceSpecificCredential delete user
iam:UploadSSHPublicKey issue user
iam:UploadSigningCertificate issue user
iam:DeactivateMFADevice edit user
iam:UpdateUser edit user
iam:UpdateRole edit role
iam:UpdateRoleDescription edit role
iam:UpdateAssumeRolePolicy edit role
iam:AttachUserPolicy,DetachUserPolicy,PutUserPolicy,DeleteUserPolicy,PutUserPermissionsBoundary,DeleteUserPermissionsBoundary,AddUserToGroup,RemoveUserFromGroup edit user
iam:AttachRolePolicy,DetachRolePolicy,PutRolePolicy,DeleteRolePolicy,PutRolePermissionsBoundary,DeleteRolePermissionsBoundary,AddRoleToInstanceProfile,RemoveRoleFromInstanceProfile edit role
iam:AttachGroupPolicy,DetachGroupPolicy,PutGroupPolicy,DeleteGroupPolicy edit group
iam:CreatePolicyVersion,SetDefaultPolicyVersion,DeletePolicyVersion edit resource
iam:CreateOpenIDConnectProvider,CreateSAMLProvider create resource
iam:UpdateSAMLProvider,UpdateOpenIDConnectProviderThumbprint,AddClientIDToOpenIDConnectProvider edit resource
iam:DeleteOpenIDConnectProvider,DeleteSAMLProvider delete resource
sts:GetFederationToken,GetSessionToken issue caller
secretsmanager:GetSecretValue,BatchGetSecretValue read resource
secretsmanager:PutSecretValue,UpdateSecret,RotateSecret rotate resource
secretsmanager:CreateSecret create resource
secretsmanager:DeleteSecret delete resource
secretsmanager:RestoreSecret enable resource
secretsmanager:PutResourcePolicy,DeleteResourcePolicy edit resource
ssm:GetParameter,GetParameters,GetParametersByPath,GetParameterHistory read decrypted
ssm:PutParameter rotate resource
ssm:DeleteParameter,DeleteParameters delete resource
ssm:SendCommand,StartSession,StartAutomationExecution run resource
ssm:ModifyDocumentPermission expose resource
kms:PutKeyPolicy,CreateGrant,RetireGrant,RevokeGrant edit resource
kms:DisableKey disable resource
kms:EnableKey enable resource
kms:ScheduleKeyDeletion delete resource
cloudtrail:StopLogging,DeleteTrail,UpdateTrail,PutEventSelectors,PutInsightSelectors,DeleteEventDataStore,UpdateEventDataStore,StopEventDataStoreIngestion,DeregisterOrganizationDelegatedAdmin silence resource
cloudtrail:StartLogging enable resource
config:StopConfigurationRecorder,DeleteConfigurationRecorder,DeleteDeliveryChannel,DeleteConfigRule,DeleteConfigurationAggregator,DeleteOrganizationConfigRule,DeleteConformancePack silence resource
guardduty:DeleteDetector,UpdateDetector,CreateFilter,CreateIPSet,UpdateIPSet,DeleteMembers,DisassociateMembers,DisassociateFromMasterAccount,DisassociateFromAdministratorAccount,StopMonitoringMembers,DeletePublishingDestination,UpdatePublishingDestination,ArchiveFindings silence resource
securityhub:DisableSecurityHub,DisableImportFindingsForProduct,BatchDisableStandards,DeleteMembers,DisassociateMembers,UpdateStandardsControl silence resource
access-analyzer:DeleteAnalyzer,CreateArchiveRule silence resource
inspector2:Disable,DisableDelegatedAdminAccount silence resource
macie2:DisableMacie,DisassociateMember silence resource
detective:DeleteGraph,DeleteMembers silence resource
logs:DeleteLogGroup,DeleteLogStream,PutRetentionPolicy,DeleteSubscriptionFilter,DeleteMetricFilter silence resource
cloudwatch:DeleteAlarms,DisableAlarmActions silence resource
events:DisableRule,DeleteRule,RemoveTargets silence resource
ec2:DeleteFlowLogs silence resource
route53resolver:DeleteResolverQueryLogConfig,DisassociateResolverQueryLogConfig silence resource
wafv2:DeleteLoggingConfiguration,DeleteWebACL silence resource
s3:PutBucketLogging silence resource
elasticloadbalancing:ModifyLoadBalancerAttributes edit resource
ec2:RunInstances run passed
ec2:AssociateIamInstanceProfile,ReplaceIamInstanceProfileAssociation edit resource
ec2:ModifyInstanceAttribute edit resource
ec2:GetPasswordData read resource
ec2:CreateKeyPair,ImportKeyPair issue resource
ec2:DeleteKeyPair delete resource
ec2:AuthorizeSecurityGroupIngress,ModifySnapshotAttribute,ModifyImageAttribute expose resource
ec2-instance-connect:SendSSHPublicKey,SendSerialConsoleSSHPublicKey run resource
lambda:CreateFunction,UpdateFunctionCode,UpdateFunctionConfiguration run passed
lambda:AddPermission,AddLayerVersionPermission,CreateFunctionUrlConfig,UpdateFunctionUrlConfig expose resource
lambda:RemovePermission,CreateEventSourceMapping,UpdateEventSourceMapping edit resource
ecs:RunTask,StartTask,RegisterTaskDefinition,CreateService,UpdateService,ExecuteCommand run passed
glue:CreateDevEndpoint,UpdateDevEndpoint,CreateJob,UpdateJob,StartJobRun run passed
codebuild:StartBuild,CreateProject,UpdateProject run passed
cloudformation:CreateStack,UpdateStack,CreateChangeSet run passed
sagemaker:CreateNotebookInstance,CreateTrainingJob,CreateProcessingJob,CreatePresignedNotebookInstanceUrl run passed
states:CreateStateMachine,UpdateStateMachine,StartExecution run passed
datapipeline:CreatePipeline run passed
rds:ModifyDBSnapshotAttribute,ModifyDBClusterSnapshotAttribute expose resource
rds:ModifyDBInstance,ModifyDBCluster edit resource
s3:PutBucketPolicy,DeleteBucketPolicy,PutBucketAcl edit resource
s3:PutBucketPublicAccessBlock edit resource
s3:PutAccountPublicAccessBlock edit none
sqs:AddPermission,SetQueueAttributes edit resource
sns:AddPermission,SetTopicAttributes edit resource
ecr:SetRepositoryPolicy edit resource
apigateway:CreateApiKey issue resource
appsync:CreateApiKey issue resource
eks:CreateAccessEntry,UpdateAccessEntry,AssociateAccessPolicy,DeleteAccessEntry,DisassociateAccessPolicy edit resource
eks:CreatePodIdentityAssociation,UpdatePodIdentityAssociation edit passed
rolesanywhere:CreateTrustAnchor,CreateProfile create resource
rolesanywhere:UpdateTrustAnchor,UpdateProfile edit resource
sso:CreateAccountAssignment,PutInlinePolicyToPermissionSet,AttachManagedPolicyToPermissionSet,UpdatePermissionSet,DeleteAccountAssignment edit resource
sso:CreatePermissionSet create none
organizations:LeaveOrganization,RemoveAccountFromOrganization,AttachPolicy,DetachPolicy,UpdatePolicy,DeletePolicy,DisablePolicyType edit resource
`
	out := map[string][]touchRule{}
	for line := range strings.SplitSeq(strings.TrimSpace(table), "\n") {
		w := strings.Fields(line)
		prefix, names, _ := strings.Cut(w[0], ":")
		for name := range strings.SplitSeq(names, ",") {
			for target := range strings.SplitSeq(w[2], ",") {
				k := prefix + ":" + name
				out[k] = append(out[k], touchRule{kind: retinue.TouchKind(w[1]), target: target})
			}
		}
	}
	return out
}

// touches says what a call that succeeded did.
func (d *trailDecoder) touches(r *trailRecord, c *callInfo, ev *retinue.Event) []retinue.Touch {
	if len(c.touches) == 0 || ev.Outcome != retinue.OutcomeSuccess {
		return nil
	}
	out := make([]retinue.Touch, 0, len(c.touches))
	for _, rule := range c.touches {
		kind, target, ok := d.target(rule, r, ev)
		if ok {
			out = append(out, retinue.Touch{Kind: kind, Target: target})
		}
	}
	return out
}

// target finds what a rule is about. It reports false where the call did not do
// what the rule says.
func (d *trailDecoder) target(rule touchRule, r *trailRecord, ev *retinue.Event) (retinue.TouchKind, retinue.Ref, bool) {
	p := object(r.parameters)
	kind := rule.kind
	switch rule.target {
	case "resource":
		return kind, ev.Resource, true
	case "caller":
		return kind, ev.Identity, true
	case "user", "role", "group":
		return kind, d.principal(rule.target, p, object(r.answer), ev), true
	case "password":
		user := d.principal("user", p, object(r.answer), ev)
		if user.IsZero() {
			return kind, user, true
		}
		return kind, retinue.NewRef(user.Realm, "password", user.Key), true
	case "key", "status":
		id := p.Get("accessKeyId").Text()
		if id == "" {
			id = object(r.answer).Get("accessKey", "accessKeyId").Text()
		}
		if rule.target == "status" && strings.EqualFold(p.Get("status").Text(), "Active") {
			kind = retinue.TouchEnable
		}
		if !isKeyID(id) {
			return kind, retinue.Ref{}, rule.target == "status"
		}
		return kind, retinue.NewRef(ev.Realm, "access_key", id), true
	case "passed":
		if role := passesRole(r.parameters, 4); role != "" {
			ref, _ := principalRef(role)
			return kind, ref, true
		}
		return kind, ev.Resource, true
	case "decrypted":
		return kind, ev.Resource, p.Get("withDecryption").IsTrue()
	}
	return kind, retinue.Ref{}, true
}

// principal finds the user, role or group that a call of IAM names. The answer
// has its ARN with the path; a name alone stands for one without.
func (d *trailDecoder) principal(kind string, parameters, answer logs.Value, ev *retinue.Event) retinue.Ref {
	account := ev.Realm.ID()
	if ref, ok := principalRef(answer.Get(kind, "arn").Text()); ok {
		return ref
	}
	name := parameters.Get(kind + "Name").Text()
	if name == "" {
		if kind == "user" {
			return ev.Identity
		}
		return retinue.Ref{}
	}
	return refTo(kind, iamARN(partitionOf(ev.Region), account, kind+"/"+name), account)
}
