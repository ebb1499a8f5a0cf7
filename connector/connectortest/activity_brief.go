package connectortest

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
)

// Brief writes an event in one line, for tables of what is expected: who acted (a
// star behind a person), with what, through and for whom, what was called and
// needed, on what, how it ended, from where, and what was touched. Parts that are
// empty are left out; realms are written where they are not the event's own.
func Brief(e retinue.Event) string {
	ref := func(r retinue.Ref) string {
		if r.Realm == e.Realm {
			return r.Kind + "/" + r.Key
		}
		return r.String()
	}
	var out []string
	part := func(name, value string) {
		if value != "" {
			out = append(out, strings.TrimSpace(name+" "+value))
		}
	}
	out = append(out, string(e.Class))
	if who := ref(e.Identity); !e.Identity.IsZero() {
		if e.Person {
			who += "*"
		}
		part("by", who)
	}
	if !e.Credential.IsZero() {
		part("with", ref(e.Credential))
	}
	for _, j := range e.Joins {
		part("known", j.Value)
	}
	if len(e.Fingerprints) > 0 {
		part("", fmt.Sprintf("%d fingerprints", len(e.Fingerprints)))
	}
	for _, v := range e.Via {
		part("via", ref(v))
	}
	if !e.OnBehalfOf.IsZero() {
		part("for", ref(e.OnBehalfOf))
	}
	part("op", e.Operation)
	part("needs", strings.Join(append([]string{e.Action}, e.More...), " "))
	if !e.Resource.IsZero() {
		part("on", ref(e.Resource))
	}
	out = append(out, strings.TrimSpace(string(e.Outcome)+" "+e.Reason))
	o := e.Origin
	if o.Address.IsValid() {
		part("from", o.Address.String())
	}
	part("agent", o.Agent)
	if !o.Workload.IsZero() {
		part("in", ref(o.Workload))
	}
	part("run", o.Run)
	part("host", o.Host)
	part("app", o.Application)
	part("service", o.Service)
	if o.Interactive {
		part("", "interactive")
	}
	for _, c := range e.Context {
		part(c.Key, c.Value)
	}
	for _, t := range e.Touches {
		part(string(t.Kind), ref(t.Target))
		if t.Target.IsZero() {
			out = append(out, string(t.Kind))
		}
	}
	return strings.Join(out, " | ")
}
