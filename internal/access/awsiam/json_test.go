package awsiam

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// node is a JSON value as encoding/json reads it, with every member of an object.
type node struct {
	kind  byte // '{', '[', 's' for a text, 'v' for a number or boolean, 'n'
	text  string
	names []string
	items []node
	twice bool // a name is given twice, here or below
	depth int
}

// readNode reads a value that is valid JSON.
func readNode(t *testing.T, d *json.Decoder) node {
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	var n node
	switch v := token.(type) {
	case nil:
		n.kind = 'n'
	case string:
		n.kind, n.text = 's', v
	case json.Number:
		n.kind, n.text = 'v', v.String()
	case bool:
		n.kind, n.text = 'v', map[bool]string{true: "true", false: "false"}[v]
	case json.Delim:
		n.kind = byte(v)
		for d.More() {
			if v == '{' {
				name := readNode(t, d).text
				for _, other := range n.names {
					n.twice = n.twice || other == name
				}
				n.names = append(n.names, name)
			}
			item := readNode(t, d)
			n.twice, n.depth = n.twice || item.twice, max(n.depth, item.depth+1)
			n.items = append(n.items, item)
		}
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// words are the texts of a value that is one of a kind or a list of such; ok is
// false for others.
func (n *node) words(kinds string) (out []string, ok bool) {
	items := []node{*n}
	if n.kind == '[' {
		items = n.items
	}
	out = make([]string, 0, len(items))
	for _, item := range items {
		if strings.IndexByte(kinds, item.kind) < 0 {
			return nil, false
		}
		out = append(out, item.text)
	}
	return out, true
}

func (n *node) principals() (*Principals, bool) {
	out := &Principals{All: n.text == "*"}
	if n.kind == 's' {
		return out, true
	}
	if n.kind != '{' {
		return nil, false
	}
	for i, name := range n.names {
		if list, known := map[string]*[]string{"AWS": &out.AWS, "Service": &out.Service, "Federated": &out.Federated, "CanonicalUser": &out.CanonicalUser}[name]; known {
			var ok bool
			if *list, ok = n.items[i].words("s"); !ok {
				return nil, false
			}
		}
	}
	return out, true
}

func (n *node) conditions() (out []Condition, ok bool) {
	if n.kind != '{' {
		return nil, false
	}
	for i, operator := range n.names {
		if n.items[i].kind != '{' {
			return nil, false
		}
		for k, key := range n.items[i].names {
			values, ok := n.items[i].items[k].words("sv")
			if !ok {
				return nil, false
			}
			out = append(out, Condition{Operator: operator, Key: key, Values: values})
		}
	}
	return out, true
}

// statement is what a statement says; ok is false where it is none.
func (n *node) statement() (st Statement, ok bool) {
	if n.kind != '{' {
		return st, false
	}
	for i, name := range n.names {
		item, ok := &n.items[i], true
		switch name {
		case "Sid":
			st.Sid, ok = item.text, item.kind == 's'
		case "Effect":
			st.Effect, ok = Effect(item.text), item.kind == 's'
		case "Action":
			st.Actions, ok = item.words("s")
		case "NotAction":
			st.NotActions, ok = item.words("s")
		case "Resource":
			st.Resources, ok = item.words("s")
		case "NotResource":
			st.NotResources, ok = item.words("s")
		case "Principal":
			st.Principals, ok = item.principals()
		case "NotPrincipal":
			st.NotPrincipals, ok = item.principals()
		case "Condition":
			st.Conditions, ok = item.conditions()
		}
		if !ok {
			return st, false
		}
	}
	return st, true
}

// policy is what a document says; ok is false where it is none.
func (n *node) policy() (version string, out []Statement, ok bool) {
	has := false
	for i, name := range n.names {
		item := &n.items[i]
		switch name {
		case "Version", "Id":
			if item.kind != 's' {
				return "", nil, false
			}
			if name == "Version" {
				version = item.text
			}
		case "Statement":
			has = true
			items := []node{*item}
			if item.kind == '[' {
				items = item.items
			}
			for k := range items {
				st, ok := items[k].statement()
				if !ok {
					return "", nil, false
				}
				out = append(out, st)
			}
		}
	}
	return version, out, n.kind == '{' && has && !n.twice
}

// written is a statement without what was made of it.
func written(st *Statement) Statement {
	out := Statement{Sid: st.Sid, Effect: st.Effect, Principals: st.Principals, NotPrincipals: st.NotPrincipals,
		Actions: st.Actions, NotActions: st.NotActions, Resources: st.Resources, NotResources: st.NotResources}
	for _, c := range st.Conditions {
		out.Conditions = append(out.Conditions, Condition{Operator: c.Operator, Key: c.Key, Values: c.Values})
	}
	return out
}

// FuzzReader reads documents as encoding/json does: both take the same ones, and
// find the same in them.
func FuzzReader(f *testing.F) {
	for _, text := range []string{
		`{"Version":"2012-10-17","Id":"\u0041\/","Statement":[{"Sid":"a\n\"b","Effect":"Allow","Action":["s3:*","\ud83d\ude00"],"Resource":"é"}]}`,
		`{"Statement":{"Effect":"Deny","NotAction":"a:b","NotPrincipal":{"AWS":["*"],"Service":[],"Other":{"x":[null,-1.5e+3]}},"Condition":{"Bool":{"k":true,"n":[0,1e9,"x"]},"Null":{}}}}`,
		`{"Statement":[],"Statement":[]}`, `{"Statement":[{"Sid":"a","S\u0069d":"b"}]}`, `{"Statement":[{"x":{"a":1,"b":{"c":[{"d":1,"d":2}]}}}]}`,
		`{"Statement":[{"Action":[["a:b"]]}]}`, `{"Statement":[{"Action":null}]}`, `{"Statement":[{"Effect":1}]}`, `{"Statement":[{"Condition":{"Bool":{"k":null}}}]}`,
		"{\"Statement\":[{\"Sid\":\"\xff\"}]}", "{\"Statement\":[{\"Sid\":\"a\x01\"}]}", `{"Statement":[{"Sid":"a\u00"}]}`, `{"Statement":[],}`, `{"Statement":[01]}`, `{"Statement":[]} x`,
		" {\t\"Statement\"\n:\r[ ] } ", `{"Statement":[{"Sid":"12345678\"90","Id":"1234567\\"}]}`, `{"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `,"Statement":[]}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseText(text)
		if !json.Valid([]byte(text)) || !utf8.ValidString(text) {
			if err == nil {
				t.Fatal("accepted what is not JSON in UTF-8")
			}
			return
		}
		if strings.Contains(strings.ToLower(text), `\ud`) && err != nil {
			return // half of a surrogate pair, which encoding/json replaces
		}
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		n := readNode(t, d)
		if n.depth > maxSkipDepth && err != nil {
			return
		}
		version, want, ok := n.policy()
		if ok != (err == nil) {
			t.Fatalf("error %v: want a policy: %t", err, ok)
		}
		if err != nil {
			return
		}
		if got.Version() != version || len(got.Statements()) != len(want) {
			t.Fatalf("version %q, %d statements: want %q, %d", got.Version(), len(got.Statements()), version, len(want))
		}
		for i := range want {
			if st := written(&got.Statements()[i]); !reflect.DeepEqual(st, want[i]) {
				t.Fatalf("statement %d is %+v: want %+v", i+1, st, want[i])
			}
		}
	})
}
