package connectortest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// CheckEvent reports what of an event breaks the rules of [retinue.Event]; nil
// where nothing does. spec names the logs that the event may be of; a log that is
// named after the kind alone lets events name their own.
func CheckEvent(spec connector.Spec, e retinue.Event) error {
	c := &eventCheck{name: eventName(e)}
	c.origin(e)
	c.refs(e)
	c.texts(e)
	c.lists(e)
	own := slices.ContainsFunc(spec.Activity.Logs, func(l connector.LogKind) bool { return l.Name == spec.Kind })
	c.want(own && e.Log != "" || slices.ContainsFunc(spec.Activity.Logs, func(l connector.LogKind) bool { return l.Name == e.Log }), "log %q is none of the kind's", e.Log)
	c.want(!e.At.IsZero() && e.At.Location() == time.UTC, "at %s: want a time in UTC", e.At)
	c.want(slices.Contains(retinue.EventClasses(), e.Class), "class %q", e.Class)
	c.want(slices.Contains(retinue.Outcomes(), e.Outcome), "outcome %q", e.Outcome)
	c.want((e.ID == "") != (e.Digest == [16]byte{}), "an id, or else a digest")
	c.want(len(e.ID) <= retinue.MaxEventIDLength, "id of %d bytes", len(e.ID))
	if e.Class == retinue.EventUnknown {
		c.want(len(e.Raw) > 0 && len(e.Raw) <= retinue.MaxEventUnknown, "raw of %d bytes in an unknown event", len(e.Raw))
		c.want(e.Realm == "" || e.Realm.Validate() == nil, "realm %q", e.Realm)
	} else {
		c.want(e.Raw == nil, "raw in an event that is understood")
		c.want(e.Realm.Validate() == nil, "realm %q", e.Realm)
		c.want(e.Action != "" || e.Operation != "", "an action or an operation")
	}
	return errors.Join(c.errs...)
}

type eventCheck struct {
	name string
	errs []error
}

func (c *eventCheck) want(ok bool, format string, args ...any) {
	if !ok {
		c.errs = append(c.errs, fmt.Errorf("event %s: %s", c.name, fmt.Sprintf(format, args...)))
	}
}

func (c *eventCheck) origin(e retinue.Event) {
	a := e.Origin.Address
	c.want(!a.IsValid() || a == a.Unmap(), "address %s is mapped", a)
}

func (c *eventCheck) refs(e retinue.Event) {
	for name, r := range map[string]retinue.Ref{"identity": e.Identity, "credential": e.Credential, "on behalf of": e.OnBehalfOf,
		"resource": e.Resource, "workload": e.Origin.Workload} {
		c.want(r.IsZero() || r.Validate() == nil, "%s %+v", name, r)
	}
	for _, r := range e.Via {
		c.want(r.Validate() == nil, "via %+v", r)
	}
	for _, t := range e.Touches {
		c.want(t.Target.IsZero() || t.Target.Validate() == nil, "touch of %+v", t.Target)
		c.want(slices.Contains(touchKinds(), t.Kind), "touch %q", t.Kind)
	}
	for _, j := range e.Joins {
		c.want(j.Kind != "" && j.Value != "" && len(j.Value) <= retinue.MaxRefKey, "join %+v", j)
	}
}

func touchKinds() []retinue.TouchKind {
	return []retinue.TouchKind{retinue.TouchCreate, retinue.TouchIssue, retinue.TouchRead, retinue.TouchRotate, retinue.TouchEdit, retinue.TouchDisable,
		retinue.TouchEnable, retinue.TouchDelete, retinue.TouchSilence, retinue.TouchExpose, retinue.TouchRun}
}

func (c *eventCheck) texts(e retinue.Event) {
	o := e.Origin
	named := map[string]string{"action": e.Action, "operation": e.Operation, "reason": e.Reason, "region": e.Region, "agent": o.Agent, "run": o.Run,
		"host": o.Host, "application": o.Application, "service": o.Service}
	for i, s := range e.More {
		named[fmt.Sprintf("more %d", i)] = s
	}
	for _, v := range e.Context {
		named["context "+v.Key] = v.Value
		named["context key"] = v.Key
	}
	for name, s := range named {
		c.want(len(s) <= retinue.MaxEventText, "%s of %d bytes", name, len(s))
		c.want(retinue.CleanName(s) == s, "%s is not cleaned: %q", name, s)
	}
}

func (c *eventCheck) lists(e retinue.Event) {
	c.want(len(e.More) <= retinue.MaxEventActions, "%d more actions", len(e.More))
	c.want(len(e.Via) <= retinue.MaxEventVia, "%d via", len(e.Via))
	c.want(len(e.Context) <= retinue.MaxEventContext, "%d context values", len(e.Context))
	c.want(len(e.Touches) <= retinue.MaxEventTouches, "%d touches", len(e.Touches))
	c.want(slices.IsSortedFunc(e.Context, func(a, b retinue.ContextValue) int { return strings.Compare(a.Key, b.Key) }), "context is not sorted")
}

// checkCoverage reports what of a coverage breaks the rules.
func checkCoverage(spec connector.Spec, c retinue.Coverage) error {
	var errs []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("coverage of %s in %s: %s", c.Log, c.Realm, fmt.Sprintf(format, args...)))
		}
	}
	want(c.Log != "" && c.Realm.Validate() == nil, "want a log and a realm")
	want(!c.From.IsZero() && !c.To.Before(c.From), "from %s to %s", c.From, c.To)
	for _, b := range c.BlindSpots {
		if err := checkBlindSpot(b); err != nil {
			errs = append(errs, err)
		}
	}
	for _, class := range c.Classes {
		want(slices.Contains(retinue.EventClasses(), class) && class != retinue.EventUnknown, "class %q", class)
	}
	return errors.Join(errs...)
}

func checkBlindSpot(b retinue.BlindSpot) error {
	system, code, ok := strings.Cut(b.Code, ".")
	switch {
	case !ok || system == "" || code == "" || strings.Trim(system+code, "abcdefghijklmnopqrstuvwxyz0123456789_") != "":
		return fmt.Errorf("blind spot %q: want system.code in lower snake case", b.Code)
	case b.Text == "":
		return fmt.Errorf("blind spot %s: no text", b.Code)
	case (b.Raise == "") != (b.Cost == ""):
		return fmt.Errorf("blind spot %s: what takes it away and what that costs go together", b.Code)
	}
	return nil
}
