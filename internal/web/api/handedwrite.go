package api

import (
	"encoding/hex"
	"encoding/json"

	"github.com/retinue-id/retinue"
)

// AppendHandedEvent appends an event as it is handed in: the JSON of [NewHandedEvent],
// without reflection.
func AppendHandedEvent(dst []byte, e *retinue.Event) ([]byte, error) {
	w := eventWriter{b: append(dst, '{')}
	w.name("log")
	w.string(e.Log)
	w.text("id", e.ID)
	w.name("at")
	w.b = append(w.b, '"')
	var err error
	if w.b, err = e.At.AppendText(w.b); err != nil {
		return dst, err
	}
	w.b = append(w.b, '"')
	w.name("realm")
	w.string(string(e.Realm))
	w.name("class")
	w.string(string(e.Class))
	w.ref("identity", e.Identity)
	w.flag("person", e.Person)
	w.ref("credential", e.Credential)
	w.other("joins", len(e.Joins) > 0, e.Joins)
	w.other("fingerprints", len(e.Fingerprints) > 0, e.Fingerprints)
	w.other("via", len(e.Via) > 0, e.Via)
	w.ref("onBehalfOf", e.OnBehalfOf)
	w.text("action", e.Action)
	w.other("more", len(e.More) > 0, e.More)
	w.text("operation", e.Operation)
	w.ref("resource", e.Resource)
	w.name("outcome")
	w.string(string(e.Outcome))
	w.text("reason", e.Reason)
	w.text("region", e.Region)
	w.origin(&e.Origin)
	w.context(e.Context)
	w.other("touches", len(e.Touches) > 0, e.Touches)
	w.other("raw", len(e.Raw) > 0, e.Raw)
	if e.Digest != [16]byte{} {
		w.text("digest", hex.EncodeToString(e.Digest[:]))
	}
	return append(w.b, '}'), w.err
}

// eventWriter writes the members of objects.
type eventWriter struct {
	b   []byte
	err error
}

func (w *eventWriter) name(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(append(append(w.b, '"'), name...), '"', ':')
}

// string writes a string; what is not plain as encoding/json does.
func (w *eventWriter) string(s string) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, err := json.Marshal(s)
			if w.err == nil {
				w.err = err
			}
			w.b = append(w.b, text...)
			return
		}
	}
	w.b = append(append(append(w.b, '"'), s...), '"')
}

// text writes a member that is left out where it is empty.
func (w *eventWriter) text(name, s string) {
	if s != "" {
		w.name(name)
		w.string(s)
	}
}

func (w *eventWriter) flag(name string, is bool) {
	if is {
		w.name(name)
		w.b = append(w.b, "true"...)
	}
}

func (w *eventWriter) ref(name string, r retinue.Ref) {
	if r.IsZero() {
		return
	}
	w.name(name)
	w.b = append(w.b, '{')
	w.name("realm")
	w.string(string(r.Realm))
	w.name("kind")
	w.string(r.Kind)
	w.name("key")
	w.string(r.Key)
	w.b = append(w.b, '}')
}

func (w *eventWriter) origin(o *retinue.Origin) {
	if *o == (retinue.Origin{}) {
		return
	}
	w.name("origin")
	w.b = append(w.b, '{')
	if o.Address.IsValid() {
		w.name("address")
		w.string(o.Address.String())
	}
	w.text("agent", o.Agent)
	w.ref("workload", o.Workload)
	w.text("run", o.Run)
	w.text("host", o.Host)
	w.text("application", o.Application)
	w.text("service", o.Service)
	w.flag("interactive", o.Interactive)
	w.b = append(w.b, '}')
}

func (w *eventWriter) context(list []retinue.ContextValue) {
	if len(list) == 0 {
		return
	}
	w.name("context")
	w.b = append(w.b, '[')
	for i, c := range list {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(w.b, '{')
		w.name("key")
		w.string(c.Key)
		w.name("value")
		w.string(c.Value)
		w.b = append(w.b, '}')
	}
	w.b = append(w.b, ']')
}

// other writes a member that few events have.
func (w *eventWriter) other(name string, is bool, v any) {
	if !is {
		return
	}
	text, err := json.Marshal(v)
	if w.err == nil {
		w.err = err
	}
	w.name(name)
	w.b = append(w.b, text...)
}
