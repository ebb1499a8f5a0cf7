package repo

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
)

// isCloudFormation reports a template of CloudFormation or SAM.
func isCloudFormation(doc *yaml.Node) bool {
	if child(doc, "AWSTemplateFormatVersion") != nil {
		return child(doc, "Resources") != nil
	}
	for _, r := range pairs(child(doc, "Resources")) {
		if strings.HasPrefix(textAt(r.value, "Type"), "AWS::") {
			return true
		}
	}
	return false
}

// readCloudFormation reads the resources that are identities or credentials.
func readCloudFormation(doc *yaml.Node) []declaration {
	var found []declaration
	for _, r := range pairs(child(doc, "Resources")) {
		typ := textAt(r.value, "Type")
		props := child(r.value, "Properties")
		d := declaration{refKind: "cloudformation_resource", key: typ + "/" + r.key, name: r.key, subtype: typ, line: r.line, attrs: retinue.Attrs{}}
		switch typ {
		case "AWS::IAM::Role":
			d.kind, d.reason = retinue.IdentityRole, "An IAM role is assumed by software."
			d.name = orElse(textAt(props, "RoleName"), r.key)
			d.trustPolicy(child(props, "AssumeRolePolicyDocument"))
			d.managedPolicies(child(props, "ManagedPolicyArns"))
		case "AWS::IAM::User":
			d.kind, d.reason = retinue.IdentityUser, "An IAM user that a template makes is meant for software."
			d.name = orElse(textAt(props, "UserName"), r.key)
			d.managedPolicies(child(props, "ManagedPolicyArns"))
		case "AWS::IAM::AccessKey":
			d.attrs["type"] = typ
			d.refKind = "cloudformation_access_key"
		case "AWS::Serverless::Function", "AWS::Lambda::Function":
			d.kind, d.reason = retinue.IdentityFunction, "A function runs without a person."
			d.name = orElse(textAt(props, "FunctionName"), r.key)
			if ref, ok := awsRole(textAt(props, "Role")); ok {
				d.grants = append(d.grants, grant{privileges: []string{"sts:AssumeRole"}, resource: ref})
			}
		case "AWS::Cognito::UserPoolClient":
			d.kind, d.reason = retinue.IdentityAPIClient, "A client of a user pool is an application."
		default:
			continue
		}
		found = append(found, d)
	}
	return found
}

// trustPolicy reads who may assume a role.
func (d *declaration) trustPolicy(n *yaml.Node) {
	for _, st := range items2(child(n, "Statement")) {
		p := child(st, "Principal")
		if p != nil && p.Kind == yaml.ScalarNode && p.Value == "*" {
			d.trust = append(d.trust, trustee{retinue.TrusteeAnyone, "*"})
			continue
		}
		for _, e := range []struct {
			key  string
			kind retinue.TrusteeKind
		}{{"Service", retinue.TrusteeService}, {"AWS", retinue.TrusteePrincipal}, {"Federated", retinue.TrusteeFederated}} {
			for _, name := range texts(child(p, e.key)) {
				d.trust = append(d.trust, trustee{e.kind, name})
			}
		}
	}
}

func (d *declaration) managedPolicies(n *yaml.Node) {
	var names []string
	for _, p := range texts(n) {
		names = append(names, clean(p))
	}
	if names = tidy(names); len(names) > 0 {
		d.grants = append(d.grants, grant{privileges: names, name: "managed policies"})
	}
}

// items2 is items, and a mapping is a sequence of one, as in policies.
func items2(n *yaml.Node) []*yaml.Node {
	if n != nil && n.Kind == yaml.MappingNode {
		return []*yaml.Node{n}
	}
	return items(n)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
