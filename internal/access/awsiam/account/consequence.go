package account

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsdata"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

//go:embed sensitive.txt
var sensitive string

// Consequences says what follows from actions, one at a time:
//
//   - Escalates: the calls of the known techniques (awsiam.Escalating);
//   - ReadsSecrets: calls that return credentials or the values of secrets (the
//     class CredentialExposure of the embedded list, and further ones whose
//     answers AWS's API references describe as such);
//   - ExposesResources: calls of AWS's access level "Permissions management", and
//     the class ResourceExposure;
//   - Destroys: calls of level Write whose verb deletes;
//   - ReadsData: the class DataAccess, and further calls that return what is
//     stored;
//   - Changes: other calls of the levels Write and Tagging;
//   - Looks: what remains of Read and List.
//
// An action that the reference data does not know is judged by its name.
type Consequences struct {
	data *awsdata.Data
	of   map[string]access.Consequence // by action in lower case
}

// NewConsequences reads the embedded list beside the reference data.
func NewConsequences(data *awsdata.Data) *Consequences {
	c := &Consequences{data: data, of: make(map[string]access.Consequence)}
	put := func(as access.Consequence, actions ...string) {
		for _, a := range actions {
			c.of[strings.ToLower(a)] = as
		}
	}
	// Later entries go before earlier ones: from the least to the worst.
	classes := map[string]access.Consequence{"DataAccess": access.ReadsData, "ResourceExposure": access.ExposesResources, "CredentialExposure": access.ReadsSecrets}
	for _, class := range []string{"DataAccess", "ResourceExposure", "CredentialExposure"} {
		for line := range strings.Lines(sensitive) {
			if words := strings.Fields(line); words[0] == class {
				for _, name := range words[2:] {
					put(classes[class], words[1]+":"+name)
				}
			}
		}
	}
	put(access.ReadsData, dataReads()...)
	put(access.ReadsSecrets, awsiam.SecretReads()...)
	put(access.ReadsSecrets, credentialReads()...)
	put(access.Escalates, awsiam.Escalating()...)
	// Tokens that order calls, and a session with the caller's own rights, are
	// no credentials of others.
	put(access.Looks, "waf:GetChangeToken", "waf-regional:GetChangeToken", "sts:GetSessionToken")
	return c
}

// dataReads are calls that return what is stored, beside those of the list.
func dataReads() []string {
	return []string{"kms:Decrypt", "ebs:GetSnapshotBlock", "rds-data:ExecuteStatement", "rds-data:BatchExecuteStatement", "redshift-data:GetStatementResult",
		"dynamodb:PartiQLSelect", "elasticfilesystem:ClientMount", "elasticfilesystem:ClientRootAccess", "s3:GetObjectTorrent", "s3express:CreateSession",
		"s3tables:GetTableData", "ecr:BatchGetImage", "glacier:GetJobOutput", "kinesis:SubscribeToShard", "logs:FilterLogEvents", "logs:StartLiveTail",
		"timestream:Select", "neptune-db:ReadDataViaQuery", "qldb:PartiQLSelect", "memorydb:Connect", "elasticache:Connect"}
}

// credentialReads are calls that return credentials, beside those of the list.
func credentialReads() []string {
	return []string{"acm:ExportCertificate", "redshift:GetClusterCredentialsWithIAM", "redshift-serverless:GetCredentials", "dsql:DbConnect", "dsql:DbConnectAdmin",
		"eks-auth:AssumeRoleForPodIdentity", "sso:GetRoleCredentials", "bedrock-agentcore:GetResourceApiKey", "bedrock-agentcore:GetResourceOauth2Token",
		"bedrock-agentcore:GetWorkloadAccessToken"}
}

// Of says what follows from an action.
func (c *Consequences) Of(action string) access.Consequence {
	if as, ok := c.of[strings.ToLower(action)]; ok {
		return as
	}
	service, name, _ := strings.Cut(action, ":")
	level := awsdata.Write
	if a, ok := c.data.Action(action); ok {
		level = a.Level
	} else if service == "" || awsiam.Reads(name) {
		level = awsdata.Read
	}
	switch {
	case level == awsdata.Permissions:
		return access.ExposesResources
	case level == awsdata.Write && deletes(name):
		return access.Destroys
	case level.Changes():
		return access.Changes
	}
	return access.Looks
}

// deletes reports whether the verb of an action takes something away for good.
func deletes(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"delete", "batchdelete", "purge", "terminate", "destroy", "wipe", "erase", "truncate", "schedulekeydeletion", "empty"},
		func(verb string) bool { return strings.HasPrefix(name, verb) })
}
