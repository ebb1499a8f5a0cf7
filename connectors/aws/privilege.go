package aws

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/retinue-id/retinue/connector"
)

// readActions are the actions for one account: those of the operations, and the
// counts that Check estimates by.
func readActions() []string {
	out := actionsOf(func(o operation) bool { return !o.organization || strings.HasPrefix(o.name, "sso-admin") })
	return append(out, "iam:GetAccountSummary")
}

// organizationActions are the further actions in the management account or a
// delegated administrator.
func organizationActions() []string {
	return actionsOf(func(o operation) bool { return o.organization && strings.HasPrefix(o.name, "organizations") })
}

type policyStatement struct {
	Sid      string
	Effect   string
	Action   any
	Resource string
}

func policyText(sid string, actions any) string {
	doc := struct {
		Version   string
		Statement []policyStatement
	}{"2012-10-17", []policyStatement{{sid, "Allow", actions, "*"}}}
	out, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic("aws: encode a constant policy: " + err.Error()) // strings only
	}
	return string(out) + "\n"
}

func privileges() []connector.Document {
	return []connector.Document{
		{Title: "Policy for one account", Language: "json", Body: policyText("RetinueRead", readActions())},
		{Title: "Further policy in the management account, for an organisation", Language: "json", Body: policyText("RetinueOrganization", organizationActions())},
		{Title: "Further policy to enter the other accounts", Language: "json",
			Body: strings.Replace(policyText("RetinueEnter", "sts:AssumeRole"), `"*"`, `"arn:aws:iam::*:role/`+defaultRole+`"`, 1)},
		{Title: "CloudFormation StackSet: the role in every account (deploy/aws/stackset.yaml)", Language: "yaml", Body: StackSetTemplate()},
		{Title: "Terraform module: the role in one account (deploy/aws/terraform/main.tf)", Language: "hcl", Body: TerraformModule()},
	}
}

// StackSetTemplate returns the CloudFormation template of the role that is read
// through, for a StackSet over every account of an organisation. StackSets with
// service-managed permissions leave the management account out: deploy the
// template there as a stack.
func StackSetTemplate() string {
	var b strings.Builder
	b.WriteString(`# Written by the aws connector; do not edit.
AWSTemplateFormatVersion: "2010-09-09"
Description: Role through which Retinue reads this account. It reads configuration and metadata only.
Parameters:
  TrustedPrincipal:
    Type: String
    Description: ARN of the role or user that Retinue runs as, or of its account (arn:aws:iam::111111111111:root).
  ExternalId:
    Type: String
    NoEcho: true
    MinLength: 8
    Description: External id that Retinue gives (external-id=).
  RoleName:
    Type: String
    Default: ` + defaultRole + `
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Ref RoleName
      Description: Retinue reads the inventory of identities through this role.
      MaxSessionDuration: 3600
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal:
              AWS: !Ref TrustedPrincipal
            Action: sts:AssumeRole
            Condition:
              StringEquals:
                sts:ExternalId: !Ref ExternalId
      Policies:
        - PolicyName: RetinueRead
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Sid: RetinueRead
                Effect: Allow
                Resource: "*"
                Action:
`)
	for _, a := range readActions() {
		fmt.Fprintf(&b, "                  - %s\n", a)
	}
	b.WriteString(`Outputs:
  RoleArn:
    Value: !GetAtt Role.Arn
`)
	return b.String()
}

// TerraformModule returns a Terraform module of the same role, for one account.
func TerraformModule() string {
	var b strings.Builder
	b.WriteString(`# Written by the aws connector; do not edit.
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
  default = "` + defaultRole + `"
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
`)
	for _, a := range readActions() {
		fmt.Fprintf(&b, "        %q,\n", a)
	}
	b.WriteString(`      ]
    }]
  })
}

output "role_arn" {
  value = aws_iam_role.retinue.arn
}
`)
	return b.String()
}
