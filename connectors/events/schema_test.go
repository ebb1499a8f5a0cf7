package events

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaFile = "../../docs/connectors/ndjson.schema.json"

// TestSchemaFields holds the schema's fields to those that are read.
func TestSchemaFields(t *testing.T) {
	raw, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var s struct{ Properties map[string]json.RawMessage }
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	var o struct{ Properties map[string]json.RawMessage }
	if err := json.Unmarshal(s.Properties["origin"], &o); err != nil {
		t.Fatal(err)
	}
	same(t, reflect.TypeFor[line](), s.Properties)
	same(t, reflect.TypeFor[origin](), o.Properties)
}

func same(t *testing.T, typ reflect.Type, properties map[string]json.RawMessage) {
	t.Helper()
	for i := range typ.NumField() {
		name := typ.Field(i).Tag.Get("json")
		if _, ok := properties[name]; !ok {
			t.Errorf("the schema has no field %s", name)
		}
		delete(properties, name)
	}
	for name := range properties {
		t.Errorf("the schema has field %s, which is not read", name)
	}
}

// TestSchemaAgrees compares the schema's word on lines with the reader's.
func TestSchemaAgrees(t *testing.T) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	base := `{"log":"a.b","at":"2026-03-02T08:00:00Z","realm":"a:b","class":"data","operation":"x"`
	for line, ok := range map[string]bool{
		base + `}`: true,
		base + `,"identity":"a:b/c/d/e","origin":{"address":"::1"},"outcome":"success"}`:         true,
		base + `,"identity":{"realm":"a:b/c","kind":"k","key":"v"},"context":{"a":"b"}}`:         true,
		base + `,"touches":[{"kind":"silence"}],"joins":[{"kind":"provider_id","value":"x:y"}]}`: true,
		base + `,"touch":[]}`:                                  false,
		base + `,"identity":"a:b"}`:                            false,
		base + `,"identity":"a:b/Big/c"}`:                      false,
		base + `,"origin":{"adress":"::1"}}`:                   false,
		base + `,"outcome":"refused"}`:                         false,
		base + `,"touches":[{"kind":"spin"}]}`:                 false,
		strings.Replace(base, "data", "unknown", 1) + `}`:      false,
		strings.Replace(base, "a.b", "A", 1) + `}`:             false,
		strings.Replace(base, "a:b", "ab", 1) + `}`:            false,
		strings.Replace(base, "T08", "x08", 1) + `}`:           false,
		strings.Replace(base, `,"operation":"x"`, "", 1) + `}`: false,
	} {
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
		if err != nil {
			t.Fatal(err)
		}
		bySchema := schema.Validate(instance)
		if _, byReader := decode([]byte(line)); (bySchema == nil) != ok || (byReader == nil) != ok {
			t.Errorf("%s: the schema says %v, the reader %v; want fine: %v", line, bySchema, byReader, ok)
		}
	}
}
