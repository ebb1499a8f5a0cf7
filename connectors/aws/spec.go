package aws

import (
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Kind is the word for this connector on the command line.
const Kind = "aws"

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Kind:    Kind,
		Title:   "Amazon Web Services",
		Summary: "AWS accounts and organisations: users, access keys, roles and who may assume them, all policy documents, and what runs as which role; live or from exports.",
		Target: []connector.TargetForm{
			{Form: "PATH", Help: "a file or a folder of exports, of one account or several"},
			{Form: "profile:NAME", Help: "the account of a profile in ~/.aws/config"},
			{Form: "env", Help: "the account of the default credentials (environment, SSO, instance role)", Remote: true},
			{Form: "org:profile:NAME", Help: "the whole organisation of the profile's account, by a role in each account"},
			{Form: "org:env", Help: "the whole organisation of the default credentials' account", Remote: true},
		},
		Options: specOptions(),
		Examples: []connector.TargetForm{
			{Form: "aws=./export", Help: "read every export in a folder"},
			{Form: "aws=authz.json", Help: "read the output of `aws iam get-account-authorization-details`"},
			{Form: "aws=profile:dev,regions=eu-west-1;eu-central-1", Help: "read one account live, in two regions"},
			{Form: "aws=org:profile:audit,role=RetinueReadOnly,external-id=example", Help: "read every active account of the organisation"},
			{Form: "aws=tfstate.json,account=111111111111", Help: "read `terraform show -json` output that names no account"},
		},
		Privileges: privileges(),
		Sees: []string{
			"Users, groups, roles, managed and inline policies, permissions boundaries and instance profiles, every policy document whole.",
			"Access keys with age, state and last use; console passwords from the credential report; whether a user is a person, with the reason.",
			"Who may assume each role: services, accounts (with the vendor's name where it is known), principals, OIDC and SAML subjects, and whether an external id is demanded.",
			"OIDC and SAML providers, IAM Roles Anywhere, permission sets of IAM Identity Center and their assignments.",
			"The organisation's tree, service and resource control policies and what they are attached to.",
			"Lambda functions, EC2 instances, ECS task definitions and services, EKS clusters with pod identities and access entries, each with the roles it acts as.",
			"Resource policies of S3, KMS, SQS, SNS, Lambda and Secrets Manager; the metadata and rotation of secrets.",
			"Secrets that stand in the clear in variables of functions and containers: their place and fingerprint, never the value.",
			"From Terraform (`terraform show -json`, a state file, or a list of resources): what is declared, and secrets that the state holds.",
		},
		BlindSpots: []string{
			"A role's last use covers 400 days; an empty one means no use in that time, and older use is not known.",
			"An access key's last use is one time, one service and one region; several consumers of one key look like one. It is recorded at most once in 15 minutes, and nothing before April 2015 is known.",
			"Service last accessed information counts attempts that were denied as use, and can be four hours late.",
			"A secret's last access is a date without a time, and tells only of the region asked.",
			"KMS grants, S3 access points and ACLs, EKS node groups and Fargate profiles, VPC endpoint policies, and resource policies of other services are not read.",
			"Session policies given at the moment of assuming a role are known to nobody but the caller.",
			"Authorization details do not say who has a console password or access keys; without the credential report the class of a user is unclear.",
			"Of a managed policy only the version in force is kept as a document; the others are listed by number and date.",
		},
		CouldRead: couldRead(),
		Open:      open,
		Remote:    remote,
		Script:    script,
		Activity:  activity(),
	}
}

func specOptions() []connector.Option {
	return []connector.Option{
		{Name: "organization", Help: "Read every active account of the organisation.", Default: "no", Values: []string{"yes", "no"}, Reach: connector.ReachSystem},
		{Name: "organization-accounts", Help: "Account ids that belong together, where Organizations cannot be asked: trusts in others count as third parties.", Default: "those that Organizations lists", List: true, Reach: connector.ReachSystem},
		{Name: "role", Help: "Name of the role to assume in each account of the organisation, or the ARN of a role to assume in one account.", Default: "RetinueReadOnly for an organisation, none for one account", Reach: connector.ReachSystem},
		{Name: "external-id", Help: "External id that the role's trust policy demands.", Default: "none", Reach: connector.ReachSystem},
		{Name: "regions", Help: "Regions to read.", Default: "every enabled region", List: true, Reach: connector.ReachSystem},
		{Name: "services", Help: "Services to read: iam, organizations, sso, s3, ec2, lambda, secretsmanager, kms, sqs, sns, ecs, eks, rolesanywhere.", Default: "all", List: true, Reach: connector.ReachSystem},
		{Name: "trail-buckets", Help: "Buckets, as BUCKET or BUCKET/PREFIX, of which files are read that a queue announces; a message that names another is refused and told.", Default: "any that the credentials can read", List: true, Reach: connector.ReachSystem},
		{Name: "endpoint", Help: "URL to send every call to in place of AWS, for an emulator or a proxy.", Default: "AWS's own", Reach: connector.ReachAddress},
		{Name: "requests-per-second", Help: "Most calls a second in one account, retries included.", Default: "10", Reach: connector.ReachSystem},
		{Name: "max-requests", Help: "Most calls in one account in one run; what is left unread then is a problem of its scope.", Default: "0, no limit", Reach: connector.ReachSystem},
		{Name: "account", Help: "Account of exported files that name none.", Default: "the account that the ARNs inside name", Reach: connector.ReachMachine},
		{Name: "terraform-state", Help: "Name of a Terraform state whose file has no lineage; give each state of an account its own.", Default: "default", Reach: connector.ReachMachine},
	}
}

func couldRead() []string {
	return []string{
		"The privileges below read configuration and metadata only: no secret value, no object in a bucket, no message, no parameter.",
		"lambda:ListFunctions and ecs:DescribeTaskDefinition return variables in the clear, which can hold secrets.",
		"AWS's own ReadOnlyAccess policy allows far more: it reads objects in buckets, messages and table items. Do not use it for this.",
	}
}

// remote allows the server's own identity, which an administrator gave it for
// this: alone, or to assume a role. Profiles can run programs
// (credential_process), and paths are files of the server.
func remote(cfg connector.Config) error {
	switch cfg.Target {
	case "env", "org:env":
		return nil
	}
	return fmt.Errorf("%w: source aws: a profile or a path is configured in retinue.yaml only: want env or org:env, with role=", retinue.ErrDenied)
}
