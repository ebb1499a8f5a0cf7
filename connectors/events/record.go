package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// line is one event as it is written. Every field of retinue.Event but Digest,
// which is made, and Raw has one here.
type line struct {
	Log          string            `json:"log"`
	ID           string            `json:"id"`
	At           string            `json:"at"`
	Realm        string            `json:"realm"`
	Class        string            `json:"class"`
	Identity     *ref              `json:"identity"`
	Person       bool              `json:"person"`
	Credential   *ref              `json:"credential"`
	Joins        []join            `json:"joins"`
	Fingerprints []fingerprint     `json:"fingerprints"`
	Via          []ref             `json:"via"`
	OnBehalfOf   *ref              `json:"onBehalfOf"`
	Action       string            `json:"action"`
	More         []string          `json:"more"`
	Operation    string            `json:"operation"`
	Resource     *ref              `json:"resource"`
	Outcome      string            `json:"outcome"`
	Reason       string            `json:"reason"`
	Region       string            `json:"region"`
	Origin       origin            `json:"origin"`
	Context      map[string]string `json:"context"`
	Touches      []touch           `json:"touches"`
}

type join struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}

type fingerprint struct {
	KeyID string `json:"keyId"`
	MAC   string `json:"mac"`
}

type origin struct {
	Address     string `json:"address"`
	Agent       string `json:"agent"`
	Workload    *ref   `json:"workload"`
	Run         string `json:"run"`
	Host        string `json:"host"`
	Application string `json:"application"`
	Service     string `json:"service"`
	Interactive bool   `json:"interactive"`
}

type touch struct {
	Kind   string `json:"kind"`
	Target *ref   `json:"target"`
}

// ref is "realm/kind/key", or an object with these three where the realm itself
// holds a slash.
type ref struct{ retinue.Ref }

// UnmarshalJSON implements json.Unmarshaler.
func (r *ref) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte("{")) {
		var o struct {
			Realm string `json:"realm"`
			Kind  string `json:"kind"`
			Key   string `json:"key"`
		}
		if err := strict(data, &o); err != nil {
			return err
		}
		r.Ref = retinue.NewRef(retinue.Realm(o.Realm), o.Kind, o.Key)
		return nil
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return errors.New("a ref is text or an object")
	}
	realm, rest, _ := strings.Cut(s, "/")
	kind, key, _ := strings.Cut(rest, "/")
	r.Ref = retinue.NewRef(retinue.Realm(realm), kind, key)
	return nil
}

func decode(raw []byte) ([]retinue.Event, error) {
	o, err := entry.Parse(raw)
	if err != nil {
		return nil, err
	}
	var l line
	if err := exact(o, reflect.TypeFor[line]()); err != nil {
		return nil, err
	}
	if err := strict(raw, &l); err != nil {
		return nil, fmt.Errorf("%w: %s", retinue.ErrInvalid, retinue.CleanName(reason(err)))
	}
	ev, err := l.event(raw)
	if err != nil {
		return nil, err
	}
	return []retinue.Event{ev}, nil
}

// strict decodes JSON and refuses fields that into does not have.
func strict(data []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more follows the object")
	}
	return nil
}

// exact reports names of fields in other letters: encoding/json takes "Log" for
// "log", and which of both then counts would depend on their order.
func exact(o entry.Object, t reflect.Type) error {
	for name := range o {
		f, ok := field(t, name)
		if !ok {
			return fmt.Errorf("%w: unknown field %s", retinue.ErrInvalid, cutName(retinue.CleanName(name)))
		}
		if f.Type == reflect.TypeFor[origin]() {
			if err := exact(o.Object(name), f.Type); err != nil {
				return err
			}
		}
	}
	return nil
}

func field(t reflect.Type, name string) (reflect.StructField, bool) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("json") == name {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// reason says what is wrong with a record: the name of the field, and no value.
func reason(err error) string {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) {
		return fmt.Sprintf("field %s: want %s", cutName(t.Field), typeName(t.Type.Kind().String()))
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return "unknown field " + cutName(strings.Trim(name, `"`))
	}
	var s *json.SyntaxError
	if errors.As(err, &s) {
		return fmt.Sprintf("wrong at byte %d", s.Offset)
	}
	return cutName(err.Error())
}

func cutName(s string) string { return s[:min(len(s), 100)] }

func typeName(kind string) string {
	switch kind {
	case "struct", "map":
		return "an object"
	case "slice":
		return "a list"
	case "bool":
		return "true or false"
	}
	return "text"
}

// event checks a line and turns it into the event that it says.
func (l *line) event(raw []byte) (retinue.Event, error) {
	c := &checker{}
	ev := retinue.Event{
		Log: c.log(l.Log), At: c.time(l.At), Realm: c.realm(l.Realm), Class: c.class(l.Class),
		Identity: c.ref("identity", l.Identity), Person: l.Person, Credential: c.ref("credential", l.Credential), OnBehalfOf: c.ref("onBehalfOf", l.OnBehalfOf),
		Action: c.text("action", l.Action), More: c.texts("more", l.More, retinue.MaxEventActions), Operation: c.text("operation", l.Operation),
		Resource: c.ref("resource", l.Resource), Outcome: c.outcome(l.Outcome), Reason: c.text("reason", l.Reason), Region: c.text("region", l.Region),
		Origin: c.origin(&l.Origin), Context: c.context(l.Context),
	}
	c.lists(l, &ev)
	if len(l.ID) > retinue.MaxEventIDLength {
		c.fail("id", "want at most %d bytes", retinue.MaxEventIDLength)
	}
	if l.Action == "" && l.Operation == "" {
		c.fail("action", "want it, or operation")
	}
	if c.err != nil {
		return retinue.Event{}, c.err
	}
	entry.Name(&ev, l.ID, raw)
	entry.Bound(&ev)
	return ev, nil
}

// checker keeps the first thing that is wrong.
type checker struct{ err error }

func (c *checker) fail(field, format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: field %s: %s", retinue.ErrInvalid, field, fmt.Sprintf(format, args...))
	}
}

// log checks a name such as "shop.audit".
func (c *checker) log(s string) string {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || len(s) > 100 {
			c.fail("log", "want a name in lower case with dots")
			return ""
		}
	}
	return s
}

func (c *checker) time(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if _, ok := entry.ParseTime(s); err != nil || !ok {
		c.fail("at", "want a time as RFC 3339 has it, between the years 2000 and 2100")
	}
	return t.UTC()
}

func (c *checker) realm(s string) retinue.Realm {
	if retinue.Realm(s).Validate() != nil {
		c.fail("realm", "want kind:id")
	}
	return retinue.Realm(s)
}

func (c *checker) ref(field string, r *ref) retinue.Ref {
	if r == nil {
		return retinue.Ref{}
	}
	if r.Validate() != nil {
		c.fail(field, `want "realm/kind/key", or an object with realm, kind and key`)
	}
	return r.Ref
}

func (c *checker) text(field, s string) string {
	if len(s) > retinue.MaxEventText {
		c.fail(field, "want at most %d bytes", retinue.MaxEventText)
	}
	return entry.Text(s)
}

func (c *checker) texts(field string, list []string, most int) []string {
	if len(list) > most {
		c.fail(field, "want at most %d", most)
	}
	var out []string
	for _, s := range list[:min(len(list), most)] {
		out = append(out, c.text(field, s))
	}
	return out
}

func (c *checker) class(s string) retinue.EventClass {
	switch k := retinue.EventClass(s); k {
	case retinue.EventManagement, retinue.EventData, retinue.EventSignIn, retinue.EventInsight:
		return k
	}
	c.fail("class", "want management, data, sign_in or insight")
	return ""
}

func (c *checker) outcome(s string) retinue.Outcome {
	for _, o := range retinue.Outcomes() {
		if string(o) == s {
			return o
		}
	}
	if s == "" {
		return retinue.OutcomeUnknown
	}
	c.fail("outcome", "want success, denied, error or unknown")
	return ""
}

func (c *checker) origin(o *origin) retinue.Origin {
	var a netip.Addr
	if o.Address != "" {
		if a = entry.Address(o.Address); !a.IsValid() {
			c.fail("origin.address", "want an address")
		}
	}
	return retinue.Origin{
		Address: a, Agent: c.text("origin.agent", o.Agent), Workload: c.ref("origin.workload", o.Workload), Run: c.text("origin.run", o.Run),
		Host: c.text("origin.host", o.Host), Application: c.text("origin.application", o.Application), Service: c.text("origin.service", o.Service),
		Interactive: o.Interactive,
	}
}

func (c *checker) context(m map[string]string) []retinue.ContextValue {
	if len(m) > retinue.MaxEventContext {
		c.fail("context", "want at most %d", retinue.MaxEventContext)
		return nil
	}
	var out []retinue.ContextValue
	for k, v := range m {
		out = append(out, retinue.ContextValue{Key: c.text("context", k), Value: c.text("context", v)})
	}
	return out
}

func (c *checker) lists(l *line, ev *retinue.Event) {
	for _, j := range l.Joins {
		k := retinue.JoinKind(j.Kind)
		if (k != retinue.JoinProviderID && k != retinue.JoinPublicKey && k != retinue.JoinCertificate) || j.Value == "" {
			c.fail("joins", "want a kind (provider_id, public_key, certificate) and a value")
		}
		ev.Joins = append(ev.Joins, retinue.JoinKey{Kind: k, Value: c.text("joins", j.Value)})
	}
	for _, f := range l.Fingerprints {
		if f.KeyID == "" || len(f.MAC) != 64 || strings.Trim(f.MAC, "0123456789abcdef") != "" {
			c.fail("fingerprints", "want a keyId and 64 hexadecimal characters")
		}
		ev.Fingerprints = append(ev.Fingerprints, retinue.Fingerprint{KeyID: c.text("fingerprints", f.KeyID), MAC: f.MAC})
	}
	for i := range l.Via {
		ev.Via = append(ev.Via, c.ref("via", &l.Via[i]))
	}
	for _, t := range l.Touches {
		if !isTouch(t.Kind) {
			c.fail("touches", "want a kind of create, issue, read, rotate, edit, disable, enable, delete, silence, expose, run")
		}
		ev.Touches = append(ev.Touches, retinue.Touch{Kind: retinue.TouchKind(t.Kind), Target: c.ref("touches", t.Target)})
	}
	if len(l.Via) > retinue.MaxEventVia || len(l.Touches) > retinue.MaxEventTouches || len(l.Joins) > maxListed || len(l.Fingerprints) > maxListed {
		c.fail("via", "want at most %d, of touches %d, of joins and fingerprints %d", retinue.MaxEventVia, retinue.MaxEventTouches, maxListed)
	}
}

// maxListed bounds by how many keys one credential is known.
const maxListed = 16

func isTouch(s string) bool {
	switch retinue.TouchKind(s) {
	case retinue.TouchCreate, retinue.TouchIssue, retinue.TouchRead, retinue.TouchRotate, retinue.TouchEdit, retinue.TouchDisable, retinue.TouchEnable,
		retinue.TouchDelete, retinue.TouchSilence, retinue.TouchExpose, retinue.TouchRun:
		return true
	}
	return false
}
