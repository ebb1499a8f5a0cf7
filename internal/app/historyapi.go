package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/web/api"
)

// History implements api.Things: what sources stated at which time, and what
// was registered here, and what was concluded about its use and that of its
// credentials, the newest first.
func (a *App) History(ctx context.Context, scope store.RowScope, id retinue.EntityID) (out []api.Version, err error) {
	err = a.viewThing(ctx, scope, retinue.FactIdentity, id, store.AsOf{}, func(v *viewed) error {
		facts, err := v.tx.FactsOf(v.row.InternalKey, false)
		if err != nil {
			return err
		}
		out = factVersions(facts)
		regs, err := v.tx.RegistrationVersions(v.row.InternalKey)
		if err != nil {
			return err
		}
		more, err := registrationVersions(regs)
		if err != nil {
			return err
		}
		out = append(out, more...)
		judged, err := judgedTimeline(v.tx, id, v.row.InternalKey)
		out = append(out, judged...)
		slices.SortStableFunc(out, func(x, y api.Version) int { return y.At.Compare(x.At) })
		return err
	})
	return out, err
}

// factVersions turns the versions of facts, the newest first, into changes:
// each is held against the one before it in its scope.
func factVersions(facts []store.Fact) []api.Version {
	lanes := map[string][]store.Fact{}
	var order []string
	for _, f := range facts {
		k := f.Scope.String() + "\x00" + string(f.Type)
		if lanes[k] == nil {
			order = append(order, k)
		}
		lanes[k] = append(lanes[k], f)
	}
	var out []api.Version
	for _, k := range order {
		lane := lanes[k]
		slices.SortStableFunc(lane, func(x, y store.Fact) int { return x.ObservedFrom.Compare(y.ObservedFrom) })
		for i, f := range lane {
			var before json.RawMessage
			change := "added"
			if i > 0 && lane[i-1].ObservedTo.Equal(f.ObservedFrom) {
				change, before = "changed", lane[i-1].Body
			}
			out = append(out, factVersion(f, change, before))
			if last := i == len(lane)-1 || !lane[i+1].ObservedFrom.Equal(f.ObservedTo); last && !f.ObservedTo.IsZero() {
				out = append(out, api.Version{At: f.ObservedTo, Change: "ended", Type: f.Type, Source: f.Source, Scope: f.Scope.String(),
					Fields: []api.FieldChange{}, Summary: f.Source + " no longer lists it"})
			}
		}
	}
	return out
}

func factVersion(f store.Fact, change string, before json.RawMessage) api.Version {
	v := api.Version{At: f.ObservedFrom, Until: f.ObservedTo, Change: change, Type: f.Type, Source: f.Source, Scope: f.Scope.String(),
		Body: f.Body, Fields: []api.FieldChange{}}
	if change == "added" {
		v.Summary = "first stated by " + f.Source
		return v
	}
	v.Fields = DiffJSON(before, f.Body)
	v.Summary = fmt.Sprintf("%s: %s changed", f.Source, fieldNames(v.Fields))
	return v
}

func registrationVersions(regs []store.RegistrationVersion) ([]api.Version, error) {
	var out []api.Version
	var before json.RawMessage
	for _, r := range regs {
		body, err := json.Marshal(r.Registration)
		if err != nil {
			return nil, err
		}
		by := r.By
		v := api.Version{At: r.At, Until: r.Until, Change: "registered", By: &by, Body: body, Fields: DiffJSON(before, body)}
		v.Summary = fmt.Sprintf("%s set %s", cmp.Or(by.Name, by.Kind), fieldNames(v.Fields))
		out, before = append(out, v), body
	}
	return out, nil
}

func fieldNames(fields []api.FieldChange) string {
	names := make([]string, 0, 4)
	for _, f := range fields[:min(3, len(fields))] {
		names = append(names, f.Field)
	}
	if len(fields) > 3 {
		names = append(names, fmt.Sprintf("%d more", len(fields)-3))
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// maxDiffDepth bounds how deep objects are told apart by field; below it a
// value differs as a whole.
const maxDiffDepth = 4

// DiffJSON lists the fields in which two JSON objects differ, by path. A nil
// object has no fields.
func DiffJSON(before, after json.RawMessage) []api.FieldChange {
	var b, a map[string]any
	decode(before, &b)
	decode(after, &a)
	out := []api.FieldChange{}
	diffObjects(&out, "", b, a, maxDiffDepth)
	slices.SortFunc(out, func(x, y api.FieldChange) int { return strings.Compare(x.Field, y.Field) })
	return out
}

func decode(raw json.RawMessage, to *map[string]any) {
	if len(raw) == 0 {
		return
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	_ = d.Decode(to) // stored facts are objects; anything else has no fields
}

func diffObjects(out *[]api.FieldChange, prefix string, b, a map[string]any, depth int) {
	keys := map[string]bool{}
	for k := range b {
		keys[k] = true
	}
	for k := range a {
		keys[k] = true
	}
	for k := range keys {
		bv, av := b[k], a[k]
		bm, bok := bv.(map[string]any)
		am, aok := av.(map[string]any)
		if depth > 1 && (bok || aok) && (bok || bv == nil) && (aok || av == nil) {
			diffObjects(out, prefix+k+".", bm, am, depth-1)
			continue
		}
		x, _ := json.Marshal(bv)
		y, _ := json.Marshal(av)
		if !bytes.Equal(x, y) {
			*out = append(*out, api.FieldChange{Field: prefix + k, Before: bv, After: av})
		}
	}
}
