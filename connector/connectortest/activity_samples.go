package connectortest

import (
	"errors"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Sample is a real record, with what it is called.
type Sample struct {
	Name   string
	Record []byte
}

// Expected is what a set of samples is expected to give.
type Expected struct {
	// Events are by the sample's name its realm, time and [Brief].
	Events map[string]string
	// Known, Unknown and Timeless count records that are understood, that are not,
	// and that do not say when they happened and therefore are faults.
	Known, Unknown, Timeless int
}

// Samples decodes each record alone and compares.
func Samples(t *testing.T, spec connector.Spec, samples []Sample, want Expected) {
	t.Helper()
	var known, unknown, timeless int
	seen := map[string]bool{}
	for _, s := range samples {
		seen[s.Name] = true
		got, err := spec.Activity.Decode(s.Record)
		switch {
		case errors.Is(err, retinue.ErrInvalid) && strings.Contains(err.Error(), "no time"):
			timeless++
			continue
		case err != nil || len(got) != 1:
			t.Errorf("%s: %d events, %v", s.Name, len(got), err)
			continue
		case got[0].Class == retinue.EventUnknown:
			unknown++
		default:
			known++
		}
		e := got[0]
		if err := CheckEvent(spec, e); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		line := string(e.Realm) + " " + e.At.Format("2006-01-02T15:04:05.000Z07:00") + " " + Brief(e)
		if w, ok := want.Events[s.Name]; ok && line != w {
			t.Errorf("%s:\n got %s\nwant %s", s.Name, line, w)
		}
	}
	if known != want.Known || unknown != want.Unknown || timeless != want.Timeless {
		t.Errorf("%d records understood, %d unknown, %d without a time; want %d, %d and %d", known, unknown, timeless, want.Known, want.Unknown, want.Timeless)
	}
	for name := range want.Events {
		if !seen[name] {
			t.Errorf("sample %q is not there", name)
		}
	}
}
