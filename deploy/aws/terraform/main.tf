# Written by the aws connector; do not edit.
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "trusted_principal" {
  type        = string
  description = "ARN of the role or user that Retinue runs as, or of its account."
}

variable "external_id" {
  type        = string
  sensitive   = true
  description = "External id that Retinue gives (external-id=)."
}

variable "role_name" {
  type    = string
  default = "RetinueReadOnly"
}

resource "aws_iam_role" "retinue" {
  name                 = var.role_name
  description          = "Retinue reads the inventory of identities through this role."
  max_session_duration = 3600
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = var.trusted_principal }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "sts:ExternalId" = var.external_id } }
    }]
  })
}

resource "aws_iam_role_policy" "retinue" {
  name = "RetinueRead"
  role = aws_iam_role.retinue.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "RetinueRead"
      Effect   = "Allow"
      Resource = "*"
      Action = [
        "ec2:DescribeInstances",
        "ec2:DescribeRegions",
        "ecs:DescribeServices",
        "ecs:DescribeTaskDefinition",
        "ecs:ListClusters",
        "ecs:ListServices",
        "ecs:ListTaskDefinitionFamilies",
        "eks:DescribeAccessEntry",
        "eks:DescribeCluster",
        "eks:DescribePodIdentityAssociation",
        "eks:ListAccessEntries",
        "eks:ListAssociatedAccessPolicies",
        "eks:ListClusters",
        "eks:ListPodIdentityAssociations",
        "iam:GenerateCredentialReport",
        "iam:GetAccessKeyLastUsed",
        "iam:GetAccountAuthorizationDetails",
        "iam:GetCredentialReport",
        "iam:GetOpenIDConnectProvider",
        "iam:ListAccessKeys",
        "iam:ListAccountAliases",
        "iam:ListInstanceProfiles",
        "iam:ListOpenIDConnectProviders",
        "iam:ListSAMLProviders",
        "iam:ListUsers",
        "kms:DescribeKey",
        "kms:GetKeyPolicy",
        "kms:ListKeys",
        "lambda:GetPolicy",
        "lambda:ListFunctions",
        "rolesanywhere:ListProfiles",
        "rolesanywhere:ListTrustAnchors",
        "s3:GetBucketLocation",
        "s3:GetBucketPolicy",
        "s3:ListAllMyBuckets",
        "secretsmanager:GetResourcePolicy",
        "secretsmanager:ListSecrets",
        "sns:GetTopicAttributes",
        "sns:ListTopics",
        "sqs:GetQueueAttributes",
        "sqs:ListQueues",
        "sso:DescribePermissionSet",
        "sso:GetInlinePolicyForPermissionSet",
        "sso:ListAccountAssignments",
        "sso:ListAccountsForProvisionedPermissionSet",
        "sso:ListInstances",
        "sso:ListManagedPoliciesInPermissionSet",
        "sso:ListPermissionSets",
        "iam:GetAccountSummary",
      ]
    }]
  })
}

output "role_arn" {
  value = aws_iam_role.retinue.arn
}
