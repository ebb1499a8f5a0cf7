package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

// HandedEvents are events in their order. They are read without reflection, at
// several times the speed, and what many of them say is held once.
type HandedEvents []HandedEvent

// UnmarshalJSON implements json.Unmarshaler. A field that is not one of an event's is
// an error.
func (l *HandedEvents) UnmarshalJSON(b []byte) error {
	v := logs.Value(bytes.TrimSpace(b))
	if v.IsNull() {
		return nil
	}
	if v[0] != '[' {
		return fmt.Errorf("%w: events: want an array", retinue.ErrInvalid)
	}
	r := eventReader{words: map[string]string{}}
	*l = HandedEvents{}
	for e := range v.Elements() {
		*l = append(*l, HandedEvent{})
		if err := r.event(e, &(*l)[len(*l)-1]); err != nil {
			return err
		}
	}
	return nil
}

// eventReader reads events that are JSON: whoever gives them has seen to that.
type eventReader struct {
	words map[string]string
}

const (
	// maxEventWords bounds how many texts are held once, and maxEventWord their size.
	maxEventWords = 8192
	maxEventWord  = 256
)

// fields calls for each member of an object that is not null.
func (r *eventReader) fields(v logs.Value, member func(name string, v logs.Value) error) error {
	if v.IsNull() {
		return nil
	}
	if !v.IsObject() {
		return fmt.Errorf("%w: event: want an object", retinue.ErrInvalid)
	}
	f := v.Fields()
	for f.Next() {
		if f.Value.IsNull() {
			continue
		}
		if err := member(string(f.Key), f.Value); err != nil {
			return err
		}
	}
	return f.Err()
}

func unknownField(name string) error {
	return fmt.Errorf("%w: event: unknown field %.100q", retinue.ErrInvalid, name)
}

func (r *eventReader) event(v logs.Value, h *HandedEvent) error {
	e := &h.Event
	return r.fields(v, func(name string, v logs.Value) error {
		switch name {
		case "log":
			return r.text(v, &e.Log)
		case "id":
			return r.text(v, &e.ID)
		case "digest":
			return r.text(v, &h.Digest)
		case "at":
			return e.At.UnmarshalJSON(v)
		case "realm":
			return r.text(v, (*string)(&e.Realm))
		case "class":
			return r.text(v, (*string)(&e.Class))
		case "identity":
			return r.ref(v, &e.Identity)
		case "person":
			return other(v, &e.Person)
		case "credential":
			return r.ref(v, &e.Credential)
		case "onBehalfOf":
			return r.ref(v, &e.OnBehalfOf)
		case "resource":
			return r.ref(v, &e.Resource)
		case "origin":
			return r.origin(v, &e.Origin)
		}
		return r.rest(name, v, e)
	})
}

// rest reads the members of an event beside those that most have.
func (r *eventReader) rest(name string, v logs.Value, e *retinue.Event) error {
	switch name {
	case "joins":
		return other(v, &e.Joins)
	case "fingerprints":
		return other(v, &e.Fingerprints)
	case "via":
		return elements(v, &e.Via, r.ref)
	case "action":
		return r.text(v, &e.Action)
	case "more":
		return elements(v, &e.More, r.text)
	case "operation":
		return r.text(v, &e.Operation)
	case "outcome":
		return r.text(v, (*string)(&e.Outcome))
	case "reason":
		return r.text(v, &e.Reason)
	case "region":
		return r.text(v, &e.Region)
	case "context":
		return elements(v, &e.Context, r.context)
	case "touches":
		return other(v, &e.Touches)
	case "raw":
		return other(v, &e.Raw)
	}
	return unknownField(name)
}

func (r *eventReader) ref(v logs.Value, to *retinue.Ref) error {
	return r.fields(v, func(name string, v logs.Value) error {
		switch name {
		case "realm":
			return r.text(v, (*string)(&to.Realm))
		case "kind":
			return r.text(v, &to.Kind)
		case "key":
			return r.text(v, &to.Key)
		}
		return unknownField(name)
	})
}

func (r *eventReader) context(v logs.Value, to *retinue.ContextValue) error {
	return r.fields(v, func(name string, v logs.Value) error {
		switch name {
		case "key":
			return r.text(v, &to.Key)
		case "value":
			return r.text(v, &to.Value)
		}
		return unknownField(name)
	})
}

func (r *eventReader) origin(v logs.Value, o *retinue.Origin) error {
	return r.fields(v, func(name string, v logs.Value) error {
		switch name {
		case "address":
			return other(v, &o.Address)
		case "agent":
			return r.text(v, &o.Agent)
		case "workload":
			return r.ref(v, &o.Workload)
		case "run":
			return r.text(v, &o.Run)
		case "host":
			return r.text(v, &o.Host)
		case "application":
			return r.text(v, &o.Application)
		case "service":
			return r.text(v, &o.Service)
		case "interactive":
			return other(v, &o.Interactive)
		}
		return unknownField(name)
	})
}

// text reads a string.
func (r *eventReader) text(v logs.Value, to *string) error {
	raw, escaped := v.Raw()
	switch {
	case len(v) == 0 || v[0] != '"':
		return fmt.Errorf("%w: event: want a string", retinue.ErrInvalid)
	case escaped || !utf8.Valid(raw):
		return json.Unmarshal(v, to)
	case len(raw) > maxEventWord:
		*to = string(raw)
		return nil
	}
	s, ok := r.words[string(raw)]
	if !ok {
		if s = string(raw); len(r.words) < maxEventWords {
			r.words[s] = s
		}
	}
	*to = s
	return nil
}

// elements reads a list.
func elements[T any](v logs.Value, to *[]T, read func(logs.Value, *T) error) error {
	if len(v) == 0 || v[0] != '[' {
		return fmt.Errorf("%w: event: want an array", retinue.ErrInvalid)
	}
	*to = []T{}
	for x := range v.Elements() {
		var one T
		if !x.IsNull() {
			if err := read(x, &one); err != nil {
				return err
			}
		}
		*to = append(*to, one)
	}
	return nil
}

// other reads what few events have.
func other(v logs.Value, to any) error {
	dec := json.NewDecoder(bytes.NewReader(v))
	dec.DisallowUnknownFields()
	return dec.Decode(to)
}
