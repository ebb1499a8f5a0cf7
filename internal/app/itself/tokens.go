package itself

import (
	"encoding/json"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/platform"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// tokens states every token that works, and the accounts that hold some. What
// software presents is an identity of its own; a token of the command line is a
// credential of the person who signed in.
func (c *Connector) tokens() []retinue.Fact {
	var out []retinue.Fact
	for _, a := range c.in.Accounts {
		out = append(out, c.account(a)...)
	}
	for _, t := range c.in.Tokens {
		if t.Kind != store.TokenKindCollector { // those stand with their collectors
			out = append(out, c.token(t)...)
		}
	}
	return out
}

func (c *Connector) account(a Account) []retinue.Fact {
	id := c.ref("account", string(a.ID))
	state, reason := retinue.StateActive, ""
	if !a.Active {
		state, reason = retinue.StateDisabled, "the account is deactivated"
	}
	out := []retinue.Fact{retinue.Identity{Ref: id, Name: a.Login, Kind: retinue.IdentityUser, Subtype: "account", Class: retinue.ClassPerson,
		ClassReason: "an account of this platform, which a person signs in with", State: state, StateReason: reason, Container: c.container(),
		CreatedAt: a.CreatedAt, Attrs: retinue.Attrs{"origin": string(a.Origin)}}}
	for _, b := range a.Bindings {
		key := string(b.Role) + " on " + onWords(b.On)
		via := retinue.Ref{}
		if b.Group != "" {
			via = c.ref("group", b.Group)
		}
		out = append(out, c.grant(id, via, "role "+string(b.Role), key+" of "+string(a.ID)+" by "+b.Group,
			platform.Document{Statements: []platform.Statement{statement(b.Role.Permissions(), b.On)}})...)
	}
	return out
}

func statement(perms []auth.Permission, on store.RowScope) platform.Statement {
	st := platform.Statement{Permissions: make([]string, len(perms)), On: onWords(on), Everything: on.All}
	for i, p := range perms {
		st.Permissions[i] = string(p)
	}
	return st
}

// grant states a document of permissions and that somebody has it.
func (c *Connector) grant(to, via retinue.Ref, name, key string, d platform.Document) []retinue.Fact {
	text, err := json.Marshal(d)
	if err != nil {
		return nil // strings and lists of strings always encode
	}
	p := retinue.Policy{Ref: c.ref("permissions", key), Name: name, Language: retinue.LanguageRetinue, Document: string(text), Container: c.container()}
	return []retinue.Fact{p, retinue.Attachment{Policy: p.Ref, Target: to, Role: retinue.AttachIdentity, Via: via}}
}

// tokenWords are what a kind of token is.
type tokenWords struct {
	subtype, reason string
	kind            retinue.CredentialKind
}

func wordsOf(k store.TokenKind) tokenWords {
	switch k {
	case store.TokenKindSCIM:
		return tokenWords{"scim_token", "a directory presents it to provision accounts", retinue.CredentialAPIKey}
	case store.TokenKindCollector:
		return tokenWords{"collector_token", "a collector presents it to hand in what it found", retinue.CredentialAPIKey}
	case store.TokenKindCLI:
		return tokenWords{"cli_token", "", retinue.CredentialPersonalAccessToken}
	}
	return tokenWords{"api_token", "software presents it, without a person at a browser", retinue.CredentialAPIKey}
}

func (c *Connector) token(t Token) []retinue.Fact {
	w := wordsOf(t.Kind)
	if t.Kind == store.TokenKindCLI {
		return c.tokenCredential(t, w, c.ref("account", string(t.Account)))
	}
	id := c.ref("api_client", string(t.ID))
	state, reason := retinue.StateActive, ""
	if t.Asleep {
		state, reason = retinue.StateDisabled, "the account that it acts for is deactivated"
	}
	attrs := retinue.Attrs{}
	if login := c.in.Logins[string(t.Account)]; login != "" {
		attrs["actsFor"] = login
	}
	out := []retinue.Fact{retinue.Identity{Ref: id, Name: t.Name, Kind: retinue.IdentityAPIClient, Subtype: w.subtype, Class: retinue.ClassNonHuman,
		ClassReason: w.reason, State: state, StateReason: reason, Container: c.container(), CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt,
		Description: "A client of this platform's interface", Attrs: attrs}}
	d := platform.Document{NoSecondFactor: true, Provisions: t.Kind == store.TokenKindSCIM}
	for _, r := range t.May {
		d.Statements = append(d.Statements, statement(r.Permissions, r.On))
	}
	out = append(out, c.grant(id, retinue.Ref{}, "permissions of the token", string(t.ID), d)...)
	out = append(out, c.owner(id, t.CreatedBy, "made the token", t.CreatedAt)...)
	return append(out, c.tokenCredential(t, w, id)...)
}

func (c *Connector) tokenCredential(t Token, w tokenWords, holder retinue.Ref) []retinue.Fact {
	state := retinue.CredentialActive
	if t.Asleep {
		state = retinue.CredentialInactive
	}
	cred := retinue.Credential{Ref: c.ref("token", string(t.ID)), Name: t.Name + " …" + t.Hint, Kind: w.kind, Subtype: w.subtype, Identity: holder, State: state,
		Joins: []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "retinue:" + string(t.ID)}}, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt,
		Scopes: t.Permissions}
	return []retinue.Fact{cred, used(cred.Ref, "last_used", t.LastUsed)}
}

// collectors states every collector with its token.
func (c *Connector) collectors() []retinue.Fact {
	var out []retinue.Fact
	for _, col := range c.in.Collectors {
		id := c.ref("collector", string(col.ID))
		attrs := retinue.Attrs{"fingerprints": string(col.Enrolment)}
		if col.Host != "" {
			attrs["host"] = col.Host
		}
		out = append(out, retinue.Identity{Ref: id, Name: col.Name, Kind: retinue.IdentityService, Subtype: "collector", Class: retinue.ClassNonHuman,
			ClassReason: "a program that reads systems where they can be reached, and hands in what it found", State: retinue.StateActive,
			Container: c.container(), CreatedAt: col.CreatedAt, Attrs: attrs})
		for _, r := range col.Realms {
			out = append(out, retinue.Grant{Subject: id, Privileges: []string{"state facts"}, ResourceName: string(r)})
		}
		if col.Enrolment == store.EnrolmentDone {
			out = append(out, retinue.Grant{Subject: id, Privileges: []string{"hold the fingerprint key"}, Resource: c.ref("key", "fingerprint/"+col.KeyID), ResourceName: "fingerprint key " + col.KeyID})
		}
		out = append(out, c.owner(id, col.CreatedBy.Name, "made the collector", col.CreatedAt)...)
		for _, t := range c.in.Tokens {
			if t.ID == col.Token {
				out = append(out, c.tokenCredential(t, wordsOf(t.Kind), id)...)
			}
		}
		out = append(out, used(id, "last_push", col.LastPush))
	}
	return out
}
