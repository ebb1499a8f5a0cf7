package itself

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// server states the installation, the server that is its identity, and the
// keys that it holds.
func (c *Connector) server() []retinue.Fact {
	id := c.serverRef()
	out := []retinue.Fact{
		retinue.Container{Ref: c.container(), Name: "Retinue", Kind: retinue.ContainerServer, State: retinue.StateActive},
		retinue.Identity{Ref: id, Name: "Retinue server", Kind: retinue.IdentityService, Subtype: "server", Class: retinue.ClassNonHuman,
			ClassReason: "the server of this platform", State: retinue.StateActive, Container: c.container(),
			Description: "Holds the keys under which secrets are sealed, values are fingerprinted and the audit log is signed"},
	}
	for _, k := range c.in.Keys {
		ref := c.ref("key", k.ID)
		attrs := retinue.Attrs{"current": !k.Old}
		maps.Copy(attrs, k.Attrs)
		out = append(out, retinue.Credential{Ref: ref, Name: k.Name, Kind: k.Kind, Subtype: k.Subtype, Identity: id, State: retinue.CredentialActive,
			CreatedAt: k.Since, RotatedAt: k.Rotated, NeverExpires: !k.EndUnknown, Algorithm: k.Algorithm, Attrs: attrs})
		out = append(out, c.place(ref, k.Place, id)...)
	}
	return out
}

// sources states what the installation reads systems with, and who may start a
// scan by webhook.
func (c *Connector) sources() []retinue.Fact {
	var out []retinue.Fact
	for _, s := range c.in.Sources {
		if len(s.Secrets) > 0 || len(s.Files) > 0 {
			out = append(out, c.source(s)...)
		}
		if s.Hook != nil {
			out = append(out, c.hook(s)...)
		}
	}
	return out
}

func (c *Connector) source(s Source) []retinue.Fact {
	id := c.ref("source", string(s.Source.ID))
	state, reason := retinue.StateActive, ""
	if s.Paused {
		state, reason = retinue.StateDisabled, "the source is paused"
	}
	out := []retinue.Fact{retinue.Identity{Ref: id, Name: "Source " + s.Source.Name, Kind: retinue.IdentityIntegration, Subtype: "source_access",
		Class: retinue.ClassNonHuman, ClassReason: "what the server reads a system with", State: state, StateReason: reason, Container: c.container(),
		CreatedAt: s.CreatedAt, Attrs: retinue.Attrs{"source": s.Source.Name, "sourceKind": s.Source.Kind}}}
	if s.Realm != "" {
		out = append(out, retinue.Grant{Subject: id, Privileges: []string{"read"}, ResourceName: string(s.Realm)})
	}
	by := s.UpdatedBy.Name
	for _, secret := range s.Secrets {
		by = secret.SetBy.Name
		ref := c.ref("source_secret", string(s.Source.ID)+"/"+secret.Name)
		out = append(out, retinue.Credential{Ref: ref, Name: secret.Name + " of source " + s.Source.Name, Kind: kindNamed(secret.Name), Subtype: "source_secret",
			Identity: id, State: retinue.CredentialActive, CreatedAt: secret.SetAt}, usedSince(ref, s.LastRun, secret.SetAt))
		out = append(out, c.place(ref, sealed("source_secrets/"+s.Source.Name+"/"+secret.Name), id)...)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Files)) {
		ref := c.ref("source_secret", string(s.Source.ID)+"/"+name)
		out = append(out, retinue.Credential{Ref: ref, Name: name + " of source " + s.Source.Name, Kind: kindNamed(name), Subtype: "source_secret",
			Identity: id, State: retinue.CredentialActive}, usedSince(ref, s.LastRun, time.Time{}))
		out = append(out, c.place(ref, s.Files[name], id)...)
	}
	return append(out, c.owner(id, by, "configured the source", s.UpdatedAt)...)
}

// usedSince is the use of a secret at the last scan. A scan before the secret
// was set did not use it.
func usedSince(ref retinue.Ref, last, set time.Time) retinue.Use {
	if last.Before(set) {
		last = time.Time{}
	}
	u := used(ref, "last_scan", last)
	u.Precision = 0
	return u
}

func (c *Connector) hook(s Source) []retinue.Fact {
	id := c.ref("webhook", string(s.Source.ID))
	cred := retinue.Credential{Ref: c.ref("webhook_secret", string(s.Source.ID)), Name: "webhook secret of source " + s.Source.Name,
		Kind: retinue.CredentialWebhookSecret, Subtype: "scan_webhook", Identity: id, State: retinue.CredentialActive, CreatedAt: s.Hook.SetAt, NeverExpires: true}
	out := []retinue.Fact{
		retinue.Identity{Ref: id, Name: "Webhook of source " + s.Source.Name, Kind: retinue.IdentityAPIClient, Subtype: "scan_webhook", Class: retinue.ClassNonHuman,
			ClassReason: "a pipeline or forge that signs requests for a scan", State: retinue.StateActive, Container: c.container(), CreatedAt: s.Hook.SetAt},
		retinue.Grant{Subject: id, Privileges: []string{"start a scan"}, ResourceName: "source " + s.Source.Name},
		cred, used(cred.Ref, "last_delivery", s.Hook.LastUsed),
	}
	out = append(out, c.place(cred.Ref, sealed("source_hooks/"+s.Source.Name), c.serverRef())...)
	return append(out, c.owner(id, s.Hook.SetBy.Name, "made the webhook", s.Hook.SetAt)...)
}

// clients states what the installation is at providers of single sign-on.
func (c *Connector) clients() []retinue.Fact {
	var out []retinue.Fact
	for _, p := range c.in.Clients {
		id := c.ref("oidc_client", string(p.ID))
		state, reason := retinue.StateActive, ""
		if !p.Enabled {
			state, reason = retinue.StateDisabled, "sign-on through it is turned off"
		}
		out = append(out, retinue.Identity{Ref: id, Name: "OIDC client at " + p.Name, Kind: retinue.IdentityApp, Subtype: "oidc_client", Class: retinue.ClassNonHuman,
			ClassReason: "what this platform is registered as at a provider of sign-on", State: state, StateReason: reason, Container: c.container(),
			CreatedAt: p.CreatedAt, Federation: &retinue.Federation{Issuer: p.Issuer, Audience: p.ClientID}, Attrs: retinue.Attrs{"clientId": p.ClientID}})
		if !p.HasSecret {
			continue // a public client has none
		}
		ref := c.ref("client_secret", string(p.ID))
		out = append(out, retinue.Credential{Ref: ref, Name: "client secret at " + p.Name, Kind: retinue.CredentialClientSecret, Subtype: "oidc_client_secret",
			Identity: id, State: retinue.CredentialActive, CreatedAt: ifNeverChanged(p.Version, p.CreatedAt)})
		out = append(out, c.place(ref, sealed("sso_providers/"+p.Name), id)...)
	}
	return out
}

// ifNeverChanged is when a secret was set, where the thing that it belongs to
// was never changed. Later, that is not known, and a guess would make a secret
// that was just replaced look old.
func ifNeverChanged(version int64, created time.Time) time.Time {
	if version > 1 {
		return time.Time{}
	}
	return created
}

// outlets states what the installation tells others with.
func (c *Connector) outlets() []retinue.Fact {
	var out []retinue.Fact
	for _, o := range c.in.Outlets {
		if len(o.SecretNames) == 0 {
			continue
		}
		id := c.ref(string(o.Purpose), string(o.ID))
		state, reason := retinue.StateActive, ""
		if !o.Enabled {
			state, reason = retinue.StateDisabled, "it is turned off"
		}
		out = append(out, retinue.Identity{Ref: id, Name: outletWord(o.Purpose) + " " + o.Name, Kind: retinue.IdentityIntegration, Subtype: string(o.Purpose) + "_" + snake(o.Kind),
			Class: retinue.ClassNonHuman, ClassReason: "what the server tells another system with", State: state, StateReason: reason, Container: c.container(),
			CreatedAt: o.CreatedAt}, used(id, "last_delivery", o.LastOKAt))
		for _, name := range o.SecretNames {
			ref := c.ref("outlet_secret", string(o.ID)+"/"+name)
			out = append(out, retinue.Credential{Ref: ref, Name: name + " of " + strings.ToLower(outletWord(o.Purpose)) + " " + o.Name, Kind: kindNamed(o.Kind + " " + name), Subtype: "outlet_secret",
				Identity: id, State: retinue.CredentialActive, CreatedAt: ifNeverChanged(o.Version, o.CreatedAt)})
			out = append(out, c.place(ref, sealed("outlets/"+o.Name+"/"+name), id)...)
		}
	}
	return out
}

func outletWord(p store.Purpose) string {
	switch p {
	case store.PurposeStream:
		return "Stream"
	case store.PurposeCheckpoint:
		return "Checkpoints to"
	}
	return "Channel"
}

func snake(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }

// kindNamed is the kind of a secret by what its option is called.
func kindNamed(option string) retinue.CredentialKind {
	name := strings.ToLower(option)
	for _, w := range []struct {
		word string
		kind retinue.CredentialKind
	}{
		{"webhook", retinue.CredentialWebhookSecret}, {"signing", retinue.CredentialSigningKey}, {"password", retinue.CredentialPassword},
		{"dsn", retinue.CredentialConnectionString}, {"client", retinue.CredentialClientSecret}, {"access", retinue.CredentialAccessKey},
		{"private", retinue.CredentialPrivateKey}, {"token", retinue.CredentialAPIKey}, {"key", retinue.CredentialAPIKey}, {"url", retinue.CredentialWebhookSecret},
	} {
		if strings.Contains(name, w.word) {
			return w.kind
		}
	}
	return retinue.CredentialGenericSecret
}
