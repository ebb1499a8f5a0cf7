package vault

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// caller says who made the request and with which token. A token's accessor is a
// keyed hash unless the device was told otherwise; either names the token.
func (d *decoder) caller(e *retinue.Event, a *auth, q *request) {
	accessor := q.Accessor
	if a != nil {
		if e.Class != retinue.EventSignIn {
			accessor = orText(a.Accessor, accessor)
		}
		switch {
		case a.EntityID != "":
			e.Identity = d.ref("entity", a.EntityID)
		case a.DisplayName != "":
			e.Identity = d.ref("client", a.DisplayName)
		}
		e.Context = conditions(a, q)
	}
	if e.Class != retinue.EventSignIn && isAccessor(accessor) {
		e.Credential = d.ref("token", accessor)
		if !strings.HasPrefix(accessor, hashed) {
			e.Joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "vault:" + accessor}}
		}
	}
}

// hashed begins what a device writes in place of a value.
const hashed = "hmac-sha256:"

// isAccessor refuses what may be a token: a device with log_raw=true writes those
// beside accessors.
func isAccessor(s string) bool {
	if s == "" || len(s) > 128 || strings.ContainsAny(s, " \t\r\n") {
		return false
	}
	for _, prefix := range []string{"hvs.", "hvb.", "hvr.", "s.", "b.", "r.", "root"} {
		if strings.HasPrefix(s, prefix) {
			return false
		}
	}
	return true
}

// conditions are what the token says about itself: how it was come by, and under
// which policies it acts.
func conditions(a *auth, q *request) []retinue.ContextValue {
	var out []retinue.ContextValue
	add := func(key, value string) {
		if value != "" && len(out) < retinue.MaxEventContext {
			out = append(out, retinue.ContextValue{Key: key, Value: eventText(value)})
		}
	}
	role := orText(a.Metadata["role_name"], a.Metadata["role"])
	account := ""
	if name := a.Metadata["service_account_name"]; name != "" {
		account = a.Metadata["service_account_namespace"] + "/" + name
	}
	policies := slices.Sorted(slices.Values(a.Policies))
	add("certificate_serial", q.Serial)
	add("display_name", a.DisplayName)
	add("policies", strings.Join(policies, ","))
	add("role", role)
	add("service_account", account)
	add("token_type", a.TokenType)
	return out
}
