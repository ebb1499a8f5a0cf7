package retinue

import "time"

// CredentialKind says what sort of thing lets an identity act.
type CredentialKind string

// The kinds of credential.
const (
	CredentialAccessKey           CredentialKind = "access_key"            // AWS access key, HMAC key, storage account key
	CredentialAPIKey              CredentialKind = "api_key"               // opaque key of an API
	CredentialPersonalAccessToken CredentialKind = "personal_access_token" // a person's or bot's token of a forge or SaaS
	CredentialServiceToken        CredentialKind = "service_account_token" // Kubernetes and similar platform tokens
	CredentialOAuthToken          CredentialKind = "oauth_token"           // access token of an OAuth grant
	CredentialRefreshToken        CredentialKind = "refresh_token"         // refresh token of an OAuth grant
	CredentialClientSecret        CredentialKind = "client_secret"         // secret of an OAuth client or app registration
	CredentialSessionToken        CredentialKind = "session_token"         // temporary cloud credentials
	CredentialJWT                 CredentialKind = "jwt"                   // signed token whose issuer is not one of the above
	CredentialPassword            CredentialKind = "password"              // password of an account or database role
	CredentialConnectionString    CredentialKind = "connection_string"     // URL or DSN that carries a password
	CredentialCertificate         CredentialKind = "certificate"           // X.509 certificate that authenticates its holder
	CredentialPrivateKey          CredentialKind = "private_key"           // private key that no certificate or SSH use is known for
	CredentialSSHKey              CredentialKind = "ssh_key"               // SSH user key
	CredentialSSHHostKey          CredentialKind = "ssh_host_key"          // SSH host key
	CredentialSSHCertificate      CredentialKind = "ssh_certificate"       // SSH user or host certificate
	CredentialSigningKey          CredentialKind = "signing_key"           // key that signs tokens, artefacts or commits
	CredentialWebhookSecret       CredentialKind = "webhook_secret"        // secret that authenticates webhook deliveries
	CredentialSharedAccess        CredentialKind = "shared_access"         // pre-signed URL, SAS token
	CredentialKeytab              CredentialKind = "keytab"                // Kerberos keytab entry
	CredentialFederatedTrust      CredentialKind = "federated_trust"       // trust in another issuer's tokens, no secret held
	CredentialGenericSecret       CredentialKind = "secret"                // a secret whose use is not known
)

// CredentialKinds lists every kind.
func CredentialKinds() []CredentialKind {
	return []CredentialKind{
		CredentialAccessKey, CredentialAPIKey, CredentialPersonalAccessToken, CredentialServiceToken,
		CredentialOAuthToken, CredentialRefreshToken, CredentialClientSecret, CredentialSessionToken, CredentialJWT,
		CredentialPassword, CredentialConnectionString, CredentialCertificate, CredentialPrivateKey, CredentialSSHKey,
		CredentialSSHHostKey, CredentialSSHCertificate, CredentialSigningKey, CredentialWebhookSecret,
		CredentialSharedAccess, CredentialKeytab, CredentialFederatedTrust, CredentialGenericSecret,
	}
}

// LowEntropy reports whether values of this kind may be guessed, so that their
// fingerprint under a stolen key could be turned back by trying. They are not
// fingerprinted unless an installation asks for it, and never exported.
func (k CredentialKind) LowEntropy() bool {
	return k == CredentialPassword || k == CredentialConnectionString
}

// CredentialState is whether a credential works, as far as its source knows.
type CredentialState string

// The states of a credential.
const (
	CredentialActive   CredentialState = "active"
	CredentialInactive CredentialState = "inactive" // exists, disabled
	CredentialExpired  CredentialState = "expired"
	CredentialRevoked  CredentialState = "revoked"
	CredentialUnknown  CredentialState = "unknown" // seen somewhere; whether it works is not known
)

// JoinKind says by what two observations are known to be one credential.
type JoinKind string

// The join kinds. Fingerprints join as well and have a field of their own.
const (
	// JoinProviderID: a provider's own id that is not secret, as
	// "vendor:id" (aws:AKIA…, a token's jti with its issuer).
	JoinProviderID JoinKind = "provider_id"
	// JoinPublicKey: the SHA-256 of the public key (SubjectPublicKeyInfo DER),
	// hexadecimal.
	JoinPublicKey JoinKind = "public_key"
	// JoinCertificate: the SHA-256 of the whole certificate, hexadecimal.
	JoinCertificate JoinKind = "certificate"
)

// JoinKey joins observations of one credential.
type JoinKey struct {
	Kind  JoinKind `json:"kind"`
	Value string   `json:"value"`
}

// Certificate is what an X.509 certificate says.
type Certificate struct {
	Issuer             string   `json:"issuer,omitempty"`
	Subject            string   `json:"subject,omitempty"`
	Serial             string   `json:"serial,omitempty"` // hexadecimal
	SANs               []string `json:"sans,omitempty"`
	CA                 bool     `json:"ca,omitempty"`
	SelfSigned         bool     `json:"selfSigned,omitempty"`
	SignatureAlgorithm string   `json:"signatureAlgorithm,omitempty"`
	Usages             []string `json:"usages,omitempty"`
}

// Token is what a structured token says about itself, unverified.
type Token struct {
	Issuer   string   `json:"issuer,omitempty"`
	Subject  string   `json:"subject,omitempty"`
	Audience []string `json:"audience,omitempty"`
	ID       string   `json:"id,omitempty"`
	KeyID    string   `json:"keyId,omitempty"`
}

// Credential is what lets an identity act: metadata and keyed fingerprints,
// never the value.
type Credential struct {
	Ref  Ref            `json:"ref"`
	Name string         `json:"name,omitempty"`
	Kind CredentialKind `json:"kind"`
	// Subtype is the vendor's or detector's term, such as "github-pat".
	Subtype string `json:"subtype,omitempty"`
	// Identity is who acts with it; zero where that is not known.
	Identity Ref             `json:"identity,omitzero"`
	State    CredentialState `json:"state,omitempty"`
	// Fingerprints are kept in rows of their own and outside the content
	// hash, so that rotating the fingerprint key changes no version.
	Fingerprints []Fingerprint `json:"fingerprints,omitempty"`
	Joins        []JoinKey     `json:"joins,omitempty"`
	CreatedAt    time.Time     `json:"createdAt,omitzero"`
	RotatedAt    time.Time     `json:"rotatedAt,omitzero"`
	NotBefore    time.Time     `json:"notBefore,omitzero"`
	ExpiresAt    time.Time     `json:"expiresAt,omitzero"`
	// NeverExpires is true where the source says that there is no end; a zero
	// ExpiresAt alone means not known.
	NeverExpires bool `json:"neverExpires,omitempty"`
	// ShortLived marks credentials that a platform issues for minutes or
	// hours and renews by itself.
	ShortLived bool     `json:"shortLived,omitempty"`
	Scopes     []string `json:"scopes,omitempty"`
	// Algorithm and Bits describe the key: "RSA" 2048, "ECDSA" 256, "Ed25519".
	Algorithm string `json:"algorithm,omitempty"`
	Bits      int    `json:"bits,omitempty"`
	// PublicKey is the SHA-256 of the SubjectPublicKeyInfo, hexadecimal: equal
	// for certificates that share a key (which does not make them one).
	PublicKey   string            `json:"publicKey,omitempty"`
	Certificate *Certificate      `json:"certificate,omitempty"`
	Token       *Token            `json:"token,omitempty"`
	Managed     Management        `json:"managed,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Attrs       Attrs             `json:"attrs,omitempty"`
}
