package secrets

import (
	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// refKeyLength is how much of a fingerprint stands in a Ref's key: 64 bits
// tell the values of one realm apart, and do not help to guess one without the
// installation's key.
const refKeyLength = 16

// Ref names the credential of a finding. Where the value tells its owner and
// id (an AWS access key, for example) it is the vendor's own name, which is the same
// wherever the value is found. Else it lies in the realm of the finder, and
// its key is the beginning of the value's keyed fingerprint, so that one value
// at many places is one credential, or place and field where the value is not
// fingerprinted. Place is the path of the text within the realm.
func Ref(realm retinue.Realm, place string, f Finding, env connector.Env) retinue.Ref {
	if p := f.Parsed; p.Realm != "" && p.RefKind != "" && p.Key != "" {
		return retinue.NewRef(p.Realm, p.RefKind, p.Key)
	}
	if !f.Secret.IsZero() {
		if prints := env.Fingerprint(f.Kind, f.Secret); len(prints) > 0 && len(prints[0].MAC) >= refKeyLength {
			return retinue.NewRef(realm, "secret", prints[0].MAC[:refKeyLength])
		}
	}
	key := retinue.CleanName(place) + "#" + retinue.CleanName(f.Field)
	if f.Field == "" {
		key = retinue.CleanName(place) + "#" + f.Rule
	}
	if len(key) > retinue.MaxRefKey {
		key = key[len(key)-retinue.MaxRefKey:]
	}
	return retinue.NewRef(realm, "secret", key)
}

// Credential turns a finding into the fact about the credential, with its
// fingerprints and joins. State is unknown unless the value itself says that
// it has expired: nothing is tried.
func Credential(ref retinue.Ref, f Finding, env connector.Env) retinue.Credential {
	p := f.Parsed
	c := retinue.Credential{
		Ref: ref, Kind: f.Kind, Subtype: f.Subtype, State: retinue.CredentialUnknown,
		Joins: p.Joins, CreatedAt: p.CreatedAt, NotBefore: p.NotBefore, ExpiresAt: p.ExpiresAt,
		ShortLived: p.ShortLived, Algorithm: p.Algorithm, Bits: p.Bits, PublicKey: p.PublicKey, Token: p.Token,
	}
	if !p.ExpiresAt.IsZero() && p.ExpiresAt.Before(env.Now()) {
		c.State = retinue.CredentialExpired
	}
	if p.ID != "" {
		c.Name = p.ID
	}
	if !f.Secret.IsZero() && !p.IDOnly {
		c.Fingerprints = env.Fingerprint(f.Kind, f.Secret)
	}
	c.Attrs = retinue.Attrs{}
	if p.Issuer != "" {
		c.Attrs["issuer"] = p.Issuer
	}
	if p.Account != "" {
		c.Attrs["account"] = p.Account
	}
	if p.Subject != "" {
		c.Attrs["subject"] = p.Subject
	}
	if p.Checksum != ChecksumNone {
		c.Attrs["checksum"] = p.Checksum.String()
	}
	if p.Encrypted {
		c.Attrs["encrypted"] = true
	}
	if p.SSH != "" {
		c.Attrs["sshFingerprint"] = p.SSH
	}
	if f.Generic {
		c.Attrs["generic"] = true
	}
	if len(c.Attrs) == 0 {
		c.Attrs = nil
	}
	return c
}
