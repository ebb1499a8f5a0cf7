package secrets

import (
	"strings"

	"github.com/retinue-id/retinue"
)

// kindOf says which kind of credential a rule finds, by the words of its id.
// A rule of which nothing is known finds a secret.
func kindOf(id string) retinue.CredentialKind {
	if k, ok := kindByRule()[id]; ok {
		return k
	}
	id = strings.ToLower(id)
	for _, k := range []struct {
		word string
		kind retinue.CredentialKind
	}{
		{"generic", retinue.CredentialGenericSecret},
		{"private-key", retinue.CredentialPrivateKey},
		{"connection-string", retinue.CredentialConnectionString},
		{"webhook", retinue.CredentialWebhookSecret},
		{"password", retinue.CredentialPassword},
		{"client-secret", retinue.CredentialClientSecret},
		{"refresh-token", retinue.CredentialRefreshToken},
		{"-pat", retinue.CredentialPersonalAccessToken},
		{"personal", retinue.CredentialPersonalAccessToken},
		{"oauth", retinue.CredentialOAuthToken},
		{"service-account", retinue.CredentialServiceToken},
		{"session", retinue.CredentialSessionToken},
		{"bot-token", retinue.CredentialAPIKey},
		{"access-token", retinue.CredentialAPIKey},
		{"token", retinue.CredentialAPIKey},
		{"key", retinue.CredentialAPIKey},
		{"secret", retinue.CredentialGenericSecret},
	} {
		if strings.Contains(id, k.word) {
			return k.kind
		}
	}
	return retinue.CredentialGenericSecret
}

// kindByRule holds the rules whose id does not tell the kind.
func kindByRule() map[string]retinue.CredentialKind {
	return map[string]retinue.CredentialKind{
		"alibaba-access-key-id":               retinue.CredentialAccessKey,
		"alibaba-secret-key":                  retinue.CredentialAccessKey,
		"aws-access-token":                    retinue.CredentialAccessKey,
		"aws-secret-access-key":               retinue.CredentialAccessKey,
		"url-credentials":                     retinue.CredentialConnectionString,
		"azure-storage-account-key":           retinue.CredentialAccessKey,
		"azure-shared-access-signature":       retinue.CredentialSharedAccess,
		"kubeconfig-client-key":               retinue.CredentialPrivateKey,
		"docker-registry-auth":                retinue.CredentialPassword,
		"google-oauth-client-secret":          retinue.CredentialClientSecret,
		"google-oauth-access-token":           retinue.CredentialOAuthToken,
		"docker-organization-token":           retinue.CredentialServiceToken,
		"yandex-aws-access-token":             retinue.CredentialAccessKey,
		"jwt":                                 retinue.CredentialJWT,
		"jwt-base64":                          retinue.CredentialJWT,
		"kubernetes-secret-yaml":              retinue.CredentialGenericSecret,
		"curl-auth-header":                    retinue.CredentialAPIKey,
		"curl-auth-user":                      retinue.CredentialPassword,
		"pkcs12-file":                         retinue.CredentialPrivateKey,
		"age-secret-key":                      retinue.CredentialPrivateKey,
		"slack-user-token":                    retinue.CredentialOAuthToken,
		"slack-bot-token":                     retinue.CredentialOAuthToken,
		"slack-app-token":                     retinue.CredentialOAuthToken,
		"slack-legacy-bot-token":              retinue.CredentialOAuthToken,
		"slack-legacy-token":                  retinue.CredentialOAuthToken,
		"slack-legacy-workspace-token":        retinue.CredentialOAuthToken,
		"slack-config-access-token":           retinue.CredentialOAuthToken,
		"github-app-token":                    retinue.CredentialOAuthToken,
		"github-fine-grained-pat":             retinue.CredentialPersonalAccessToken,
		"gitlab-cicd-job-token":               retinue.CredentialSessionToken,
		"gitlab-oauth-app-secret":             retinue.CredentialClientSecret,
		"gitlab-ptt":                          retinue.CredentialAPIKey,
		"gitlab-rrt":                          retinue.CredentialAPIKey,
		"npm-access-token":                    retinue.CredentialPersonalAccessToken,
		"vault-service-token":                 retinue.CredentialServiceToken,
		"vault-batch-token":                   retinue.CredentialServiceToken,
		"openshift-user-token":                retinue.CredentialServiceToken,
		"gitlab-session-cookie":               retinue.CredentialSessionToken,
		"azure-ad-client-secret":              retinue.CredentialClientSecret,
		"microsoft-teams-webhook":             retinue.CredentialWebhookSecret,
		"slack-webhook-url":                   retinue.CredentialWebhookSecret,
		"1password-service-account-token":     retinue.CredentialServiceToken,
		"grafana-service-account-token":       retinue.CredentialServiceToken,
		"planetscale-password":                retinue.CredentialPassword,
		"sidekiq-sensitive-url":               retinue.CredentialConnectionString,
		"authress-service-client-access-key":  retinue.CredentialPrivateKey,
		"heroku-api-key-v2":                   retinue.CredentialAPIKey,
		"settlemint-personal-access-token":    retinue.CredentialPersonalAccessToken,
		"settlemint-service-access-token":     retinue.CredentialServiceToken,
		"settlemint-application-access-token": retinue.CredentialServiceToken,
	}
}

// issuerOf returns the vendor of a rule in lower case, which is how gitleaks'
// ids begin, or nothing for rules of no vendor.
func issuerOf(id string) string {
	vendor, _, _ := strings.Cut(id, "-")
	switch vendor {
	case "generic", "private", "jwt", "curl", "kubernetes", "kubeconfig", "pkcs12", "url":
		return ""
	}
	return vendor
}
