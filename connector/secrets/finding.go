package secrets

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/retinue-id/retinue"
)

// Finding is one secret value at one place of a text.
type Finding struct {
	// Rule is the id of the rule, such as "github-pat"; Description is the
	// rule's own sentence.
	Rule        string
	Description string
	Tags        []string
	// Kind is the sort of credential that the rule finds.
	Kind retinue.CredentialKind
	// Subtype is the vendor's or detector's term, for Credential.Subtype.
	Subtype string
	// Start and End are the byte offsets of the value in the text;
	// MatchStart and MatchEnd those of everything that the rule matched, such
	// as the variable's name and the value.
	Start, End           int
	MatchStart, MatchEnd int
	// Line and Column say where the value begins and EndLine where it ends,
	// from 1; columns count bytes. They are 0 where only the path matched.
	Line, Column, EndLine int
	// MatchLine is the line on which the match begins, which is the line that
	// gitleaks reports.
	MatchLine int
	// Field is the variable or key that the value is assigned to, where the
	// text in front of it shows one.
	Field string
	// Entropy is the Shannon entropy of the value, in bits a byte.
	Entropy float64
	// Confidence is certain where a checksum or the structure proves it, low
	// for generic rules.
	Confidence retinue.Confidence
	// Generic marks rules that look for an assignment of something random and
	// not for a vendor's format. Such findings are ranked apart.
	Generic bool
	// Encoded marks a value that stands in the text in base64, hexadecimal or
	// with escapes; the offsets are those of the encoded stretch.
	Encoded bool
	// Secret is the value. It is zero where only the path matched.
	Secret retinue.Secret
	// Parsed is what the value says about itself.
	Parsed Parsed
}

// Parsed is what a value says about itself, without being asked of anyone.
// Everything in it is public: ids, claims, hashes of public keys.
type Parsed struct {
	// Issuer is the vendor in lower case ("aws", "github", "slack") that issued
	// the value, or the issuer claim of a token.
	Issuer string
	// ID is the vendor's own id of the credential that is not secret, such as
	// an AWS access key id, and Account the account it belongs to.
	ID, Account string
	// Subject is whom the credential is for, where the value or the text around
	// it says so: the e-mail address of a service account.
	Subject string
	// Realm, RefKind and Key name the credential in its owner's realm where the
	// value tells all three; see [Ref].
	Realm   retinue.Realm
	RefKind string
	Key     string
	// Joins are the keys by which other sources know the same credential.
	Joins []retinue.JoinKey
	// Token holds the claims of a JWT.
	Token                           *retinue.Token
	CreatedAt, NotBefore, ExpiresAt time.Time
	// PublicKey is the SHA-256 of the SubjectPublicKeyInfo, hexadecimal;
	// Algorithm and Bits describe the key.
	PublicKey string
	Algorithm string
	Bits      int
	// SSH is the OpenSSH fingerprint of a key ("SHA256:…").
	SSH string
	// Encrypted is true for a private key under a passphrase.
	Encrypted bool
	// ShortLived marks values that the vendor issues for minutes or hours.
	ShortLived bool
	// Checksum says whether the value carries a checksum and whether it holds.
	Checksum Checksum
	// IDOnly marks a value that is itself no secret: an access key id without
	// its secret half.
	IDOnly bool
}

// Checksum is the outcome of checking a value against its own checksum.
type Checksum int

// The outcomes.
const (
	ChecksumNone Checksum = iota // the format has none, or it is not published
	ChecksumValid
	ChecksumInvalid
)

// String returns "none", "valid" or "invalid".
func (c Checksum) String() string {
	switch c {
	case ChecksumValid:
		return "valid"
	case ChecksumInvalid:
		return "invalid"
	}
	return "none"
}

// String says what was found and where, without the value.
func (f Finding) String() string {
	return fmt.Sprintf("%s (%s) at %d:%d", f.Rule, f.Kind, f.Line, f.Column)
}

// GoString is String, so that %#v does not show more.
func (f Finding) GoString() string { return f.String() }

// LogValue logs what String says.
func (f Finding) LogValue() slog.Value { return slog.StringValue(f.String()) }

// Result is what a scan of one text found.
type Result struct {
	Findings []Finding
	// Allowed counts findings that a comment in the text allows
	// ("gitleaks:allow" or "retinue:allow" on a line of the match).
	Allowed int
}
