package kubernetes

import (
	"strings"

	"github.com/retinue-id/retinue"
)

// The annotations that bind a service account to an identity of a cloud.
const (
	// https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html
	annotationAWSRole     = "eks.amazonaws.com/role-arn"
	annotationAWSAudience = "eks.amazonaws.com/audience"
	// https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity
	annotationGCPAccount = "iam.gke.io/gcp-service-account"
	// https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html
	annotationAzureClient = "azure.workload.identity/client-id"
	annotationAzureTenant = "azure.workload.identity/tenant-id"
)

// cloudTrusts states what the annotations of an account claim: that its tokens
// are taken for a cloud identity. Whether the cloud agrees is said by the
// cloud's own trust policy.
func (m *mapper) cloudTrusts(md meta, account retinue.Ref) []retinue.Fact {
	subject := accountPrefix + md.Namespace + ":" + md.Name
	var out []retinue.Fact
	add := func(cloud retinue.Ref, annotation, audience string) {
		out = append(out, retinue.Trust{
			Subject: cloud, Kind: retinue.TrusteeFederated, Trustee: account, Name: subject,
			Federation: &retinue.Federation{Issuer: m.issuer, Subject: subject, Audience: audience},
			Attrs:      retinue.Attrs{"claimedBy": "annotation " + annotation},
		})
	}
	if arn := annotation(md, annotationAWSRole); arn != "" {
		audience := annotation(md, annotationAWSAudience)
		if audience == "" {
			audience = "sts.amazonaws.com"
		}
		add(m.awsRole(arn), annotationAWSRole, audience)
	}
	if email := annotation(md, annotationGCPAccount); email != "" {
		add(m.gcpAccount(email), annotationGCPAccount, "")
	}
	if client := annotation(md, annotationAzureClient); client != "" {
		realm, kind := m.realm, "azure_client"
		if tenant := annotation(md, annotationAzureTenant); tenant != "" {
			realm, kind = retinue.NewRealm("azure", strings.ToLower(tenant)), "client"
		}
		add(retinue.NewRef(realm, kind, strings.ToLower(client)), annotationAzureClient, "api://AzureADTokenExchange")
	}
	return out
}

func annotation(md meta, name string) string {
	v := strings.TrimSpace(md.Annotations[name])
	if len(v) > maxName {
		return ""
	}
	return retinue.CleanName(v)
}

// awsRole names the role of an ARN (arn:PARTITION:iam::ACCOUNT:role/PATH) in
// its account; text that is no such ARN stays a name in this cluster.
func (m *mapper) awsRole(arn string) retinue.Ref {
	p := strings.SplitN(arn, ":", 6)
	if len(p) == 6 && p[0] == "arn" && p[2] == "iam" && len(p[4]) == 12 && strings.Trim(p[4], "0123456789") == "" &&
		strings.HasPrefix(p[5], "role/") {
		return retinue.NewRef(retinue.NewRealm("aws", p[4]), "role", arn)
	}
	return m.ref("aws_role", arn)
}

// gcpAccount names the account of an address NAME@PROJECT.iam.gserviceaccount.com
// in its project.
func (m *mapper) gcpAccount(email string) retinue.Ref {
	_, domain, _ := strings.Cut(email, "@")
	if project, ok := strings.CutSuffix(domain, ".iam.gserviceaccount.com"); ok && project != "" {
		return retinue.NewRef(retinue.NewRealm("gcp", project), "service_account", email)
	}
	return m.ref("gcp_service_account", email)
}
