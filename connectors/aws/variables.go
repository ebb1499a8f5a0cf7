package aws

import (
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// variableFacts states the secrets that stand in the clear in a resource's
// variables, which everyone who may describe the resource can read. A value is
// fingerprinted and dropped; of an access key the id is kept, which is no
// secret and names the key wherever else it is known.
func (a *accountReader) variableFacts(of retinue.Resource, field string, vars map[string]string) []retinue.Fact {
	var out []retinue.Fact
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		value := strings.TrimSpace(vars[name])
		c, confidence, ok := a.variableCredential(of, field, name, value)
		if !ok {
			continue
		}
		out = append(out, c, retinue.Placement{Credential: c.Ref, Consumer: of.Ref, Confidence: confidence, Detector: "aws-variable",
			Place: retinue.Place{Kind: retinue.PlaceCloudConfig, Realm: a.realm(), Container: accountRef(a.account), Path: of.Ref.Key,
				Field: retinue.CleanName(field + "/" + name)}})
	}
	return out
}

func (a *accountReader) variableCredential(of retinue.Resource, field, name, value string) (retinue.Credential, retinue.Confidence, bool) {
	if isAccessKeyID(value) {
		c := retinue.Credential{Ref: retinue.NewRef(a.realm(), "access_key", value), Name: value, Kind: retinue.CredentialAccessKey,
			Subtype: "iam_access_key", State: retinue.CredentialUnknown,
			Joins: []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "aws:" + value}}}
		return c, retinue.ConfidenceHigh, true
	}
	if !secretName(name) || !secretValue(value) {
		return retinue.Credential{}, "", false
	}
	ref := retinue.NewRef(of.Ref.Realm, "secret", key(of.Ref.Key+"#"+field+"/"+name))
	return retinue.Credential{Ref: ref, Name: retinue.CleanName(name), Kind: retinue.CredentialGenericSecret, Subtype: "environment_variable",
		State:        retinue.CredentialUnknown,
		Fingerprints: a.env.Fingerprint(retinue.CredentialGenericSecret, retinue.NewSecret(value))}, retinue.ConfidenceLow, true
}

// isAccessKeyID reports the ids of long-lived access keys: AKIA and sixteen
// letters and digits (IAM User Guide, "IAM identifiers").
func isAccessKeyID(s string) bool {
	rest, ok := strings.CutPrefix(s, "AKIA")
	return ok && len(rest) == 16 && strings.Trim(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// secretName reports names of variables that are given to secrets.
func secretName(name string) bool {
	n := strings.ToLower(name)
	for _, no := range []string{"arn", "_id", "name", "url", "path", "public", "region", "bucket", "table"} {
		if strings.HasSuffix(n, no) || strings.Contains(n, "public") {
			return false
		}
	}
	for _, yes := range []string{"secret", "token", "password", "passwd", "api_key", "apikey", "access_key", "private_key", "credential"} {
		if strings.Contains(n, yes) {
			return true
		}
	}
	return false
}

// secretValue reports values that can be secrets: not empty, not a reference to
// where the secret is kept, not a switch.
func secretValue(v string) bool {
	if len(v) < 8 || strings.HasPrefix(v, "arn:") || strings.HasPrefix(v, "/") || strings.Contains(v, "{{resolve:") || strings.HasPrefix(v, "${") {
		return false
	}
	return v != "UNRESOLVED" && !strings.EqualFold(v, "disabled") && !strings.HasPrefix(v, "http")
}
