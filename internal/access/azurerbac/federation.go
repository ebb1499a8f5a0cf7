package azurerbac

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Federated is a federated identity credential: tokens of an issuer that act as
// an application or a managed identity ("Overview of federated identity
// credentials in Microsoft Entra ID").
type Federated struct {
	// Ref is the service principal of the application or managed identity, as
	// whom the tokens act. Where no service principal is known it is the app
	// registration or the identity's resource.
	Ref retinue.Ref
	// Name is the credential's.
	Name string
	// Issuer and Subject must equal the token's, to the letter.
	Issuer, Subject string
	// Audience must be among the token's; empty where it is not known. Entra
	// recommends api://AzureADTokenExchange.
	Audience string
	Because  access.Reason
}

// Federation lists the federated identity credentials of all tenants, by tenant
// and principal.
func (e *Engine) Federation() []Federated {
	var out []Federated
	for _, realm := range e.order {
		out = append(out, e.tenants[realm].federation...)
	}
	return out
}

func (t *tenantFacts) federation() []Federated {
	byApp := map[string]string{}
	for id, p := range t.sps {
		byApp[canonical(p.AppID)] = id
	}
	out := make([]Federated, 0, len(t.trusts))
	for _, f := range t.trusts {
		ref := f.Subject
		switch {
		case ref.Kind == refManagedIdentity && t.identity[ref.Key] != "":
			ref = retinue.NewRef(ref.Realm, refServicePrincipal, t.identity[ref.Key])
		case ref.Kind == refApplication && t.apps[ref.Key] != nil && byApp[canonical(t.apps[ref.Key].AppID)] != "":
			ref = retinue.NewRef(ref.Realm, refServicePrincipal, byApp[canonical(t.apps[ref.Key].AppID)])
		}
		name, _ := f.Attrs["credential"].(string)
		out = append(out, Federated{Ref: ref, Name: name, Issuer: f.Federation.Issuer, Subject: f.Federation.Subject, Audience: f.Federation.Audience,
			Because: access.Reason{Layer: layerFederated, Document: f.Subject.Key, Statement: name, Effect: "allow",
				Text: "tokens of " + f.Federation.Issuer + " for " + f.Federation.Subject + " act as it"}})
	}
	slices.SortFunc(out, func(a, b Federated) int {
		if c := a.Ref.Compare(b.Ref); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}
