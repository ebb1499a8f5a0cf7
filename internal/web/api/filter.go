package api

import (
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// ThingFilter are the filters that lists of identities and of credentials
// share. Several values of one field are alternatives; "none" selects what has
// no value where the field says so.
type ThingFilter struct {
	IDs           []string  `query:"id,explode" maxItems:"200" doc:"Only these"`
	Sources       []string  `query:"source,explode" maxItems:"50" doc:"Names or ids of sources"`
	Realms        []string  `query:"realm,explode" maxItems:"50" doc:"Systems, such as aws:111122223333"`
	Kinds         []string  `query:"kind,explode" maxItems:"50"`
	Subtypes      []string  `query:"subtype,explode" maxItems:"50"`
	Classes       []string  `query:"class,explode" maxItems:"3" enum:"non_human,person,unclear" doc:"Of a credential: the class of who holds it"`
	States        []string  `query:"state,explode" maxItems:"20"`
	Environments  []string  `query:"environment,explode" maxItems:"10" doc:"Or none"`
	Criticalities []string  `query:"criticality,explode" maxItems:"5" doc:"Or none"`
	Owners        []string  `query:"owner,explode" maxItems:"50" doc:"Or none; of a credential: of who holds it"`
	Units         []string  `query:"unit,explode" maxItems:"50" doc:"Ids of accounts, projects, namespaces, with all inside them"`
	Tags          []string  `query:"tag,explode" maxItems:"50" doc:"key=value"`
	Managed       []string  `query:"managed,explode" maxItems:"5" doc:"provider, package, platform, or none"`
	Severity      string    `query:"severity" enum:"critical,high,medium,low,info" doc:"With an open finding at least this bad"`
	Privileged    string    `query:"privileged" enum:"true,false"`
	ThirdParty    string    `query:"third_party" enum:"true,false"`
	NeverUsed     string    `query:"never_used" enum:"true,false" doc:"false: a use was observed"`
	CreatedFrom   time.Time `query:"created_from"`
	CreatedTo     time.Time `query:"created_to"`
	ExpiresFrom   time.Time `query:"expires_from"`
	ExpiresTo     time.Time `query:"expires_to"`
	UsedFrom      time.Time `query:"last_used_from"`
	UsedTo        time.Time `query:"last_used_to"`
	SeenFrom      time.Time `query:"first_seen_from"`
	SeenTo        time.Time `query:"first_seen_to"`
	Text          string    `query:"text" maxLength:"200" doc:"In name or key, without regard to case"`
	Gone          bool      `query:"gone" doc:"What has ended, instead of what exists"`
}

func (f ThingFilter) filter() store.Filter {
	out := store.Filter{Sources: f.Sources, Realms: f.Realms, Kinds: f.Kinds, Subtypes: f.Subtypes, Classes: f.Classes, States: f.States,
		Environments: f.Environments, Criticalities: f.Criticalities, Owners: f.Owners, Units: f.Units, Tags: f.Tags,
		Managed: f.Managed, Severity: retinue.Severity(f.Severity), Privileged: optional(f.Privileged),
		ThirdParty: optional(f.ThirdParty), NeverUsed: optional(f.NeverUsed),
		Created: store.Window{From: f.CreatedFrom, To: f.CreatedTo}, Expires: store.Window{From: f.ExpiresFrom, To: f.ExpiresTo},
		LastUsed: store.Window{From: f.UsedFrom, To: f.UsedTo}, FirstSeen: store.Window{From: f.SeenFrom, To: f.SeenTo},
		Text: f.Text, Gone: f.Gone}
	for _, id := range f.IDs {
		out.IDs = append(out.IDs, retinue.EntityID(id))
	}
	return out
}

// optional reads "true" and "false"; anything else does not limit.
func optional(v string) *bool {
	if v == "" {
		return nil
	}
	b := v == "true"
	return &b
}
