// Package secrets finds secret values in text and says what each one is: the
// rule that found it, the kind of credential, and, where the value carries
// structure, the vendor's own id, the account, the issuer, the expiry or the
// public key. It is shared by the connectors that read files.
//
// # Rules
//
// The rule pack of gitleaks is the floor: every rule, keyword, path, secret
// group, entropy limit, allowlist and stop word of it is honoured, with the
// same findings. Files in gitleaks' TOML format add to it or replace it.
//
// # Speed
//
// The rules' expressions are not run over the whole text. Each expression is
// analysed once: which literal strings every match must contain, and how far a
// match can reach before and after such a string. One pass of an automaton
// finds the literals of all rules; an expression then sees only the stretch
// around its literals. The stretch is always long enough to hold every match,
// so nothing is lost; an expression without a usable literal sees the whole
// text, as in gitleaks. Rules of the shape "name, operator, value" are checked
// by hand first, and the generic one is matched by hand altogether.
//
// # Use
//
//	s, err := secrets.Default()
//	for _, f := range s.Scan(data) {
//		ref := secrets.Ref(realm, path, f, env)
//		cred := secrets.Credential(ref, f, env)
//		…
//	}
//
// A Finding holds the value as a [retinue.Secret], which prints as
// "[redacted]"; nothing else in a Finding holds it or a part of it.
package secrets
