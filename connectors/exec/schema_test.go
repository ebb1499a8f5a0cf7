package exec

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/retinue-id/retinue"
)

var update = flag.Bool("update", false, "write schema.json anew from the types of the root package")

// factValues holds a zero value of each fact type.
func factValues() []retinue.Fact {
	return []retinue.Fact{retinue.Person{}, retinue.Team{}, retinue.Application{}, retinue.Identity{}, retinue.Group{},
		retinue.Container{}, retinue.Policy{}, retinue.Credential{}, retinue.Resource{}, retinue.Membership{},
		retinue.Attachment{}, retinue.Grant{}, retinue.Trust{}, retinue.Placement{}, retinue.OwnerSignal{}, retinue.Use{}}
}

// enums reads the values of the root package's enumerations from its source.
func enums(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("source of the root package: %v", err)
	}
	out := map[string][]string{}
	for _, f := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), f, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			v, ok := n.(*ast.ValueSpec)
			if !ok || v.Type == nil || len(v.Values) != 1 {
				return true
			}
			name, isName := v.Type.(*ast.Ident)
			lit, isLit := v.Values[0].(*ast.BasicLit)
			if isName && isLit && lit.Kind == token.STRING {
				s, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				out[name.Name] = append(out[name.Name], s)
			}
			return true
		})
	}
	return out
}

type object = map[string]any

// generator makes JSON Schemas of Go types as encoding/json writes them.
type generator struct {
	enums map[string][]string
	defs  object
}

func (g *generator) schema(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[retinue.Attrs]():
		return object{"type": "object", "additionalProperties": object{"anyOf": []any{
			object{"type": []string{"string", "boolean", "number"}}, object{"type": "array", "items": object{"type": "string"}}}}}
	case reflect.TypeFor[retinue.Realm]():
		return object{"type": "string", "pattern": "^[^:]+:.+$", "maxLength": 512}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.schema(t.Elem())
	case reflect.String:
		if values := g.enums[t.Name()]; len(values) > 0 && t.PkgPath() != "" {
			return object{"enum": values}
		}
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Slice:
		return object{"type": "array", "items": g.schema(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": g.schema(t.Elem())}
	case reflect.Struct:
		name := strings.ToLower(t.Name()[:1]) + t.Name()[1:]
		if _, ok := g.defs[name]; !ok {
			g.defs[name] = object{}
			g.defs[name] = g.object(t, nil)
		}
		return object{"$ref": "#/$defs/" + name}
	}
	panic("no schema for " + t.String())
}

func (g *generator) object(t reflect.Type, extra object) object {
	props, required := object{}, []string{}
	for name, s := range extra {
		props[name] = s
		required = append(required, name)
	}
	for i := range t.NumField() {
		f := t.Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" || (t == reflect.TypeFor[retinue.Credential]() && name == "fingerprints") {
			continue // fingerprints are made by the host
		}
		props[name] = g.schema(f.Type)
		if !strings.Contains(opts, "omit") {
			required = append(required, name)
		}
	}
	return object{"type": "object", "properties": props, "required": required, "additionalProperties": false}
}

// lines describes the operations: their fields and those that are needed.
func (g *generator) lines() []any {
	text := object{"type": "string"}
	scope := g.schema(reflect.TypeFor[retinue.Scope]())
	count := object{"type": "integer", "minimum": 0}
	op := func(name string, props object, required ...string) object {
		props["op"] = object{"const": name}
		return object{"type": "object", "properties": props, "required": append([]string{"op"}, required...), "additionalProperties": false}
	}
	return []any{
		op("realm", object{"protocol": object{"const": protocol}, "realm": g.schema(reflect.TypeFor[retinue.Realm]()), "name": text, "principal": text}, "protocol", "realm"),
		op("fact", object{"scope": scope, "fact": object{"$ref": "#/$defs/fact"}, "secret": text}, "scope", "fact"),
		op("complete", object{"scope": scope, "observedAt": g.schema(reflect.TypeFor[time.Time]()), "basis": object{"type": "string", "minLength": 1},
			"children": object{"type": "array", "items": text}, "listsChildren": object{"type": "boolean"},
			"authority": object{"enum": []string{"system", "report", "declared", "reference"}}}, "scope", "basis"),
		op("problem", object{"scope": scope, "kind": object{"enum": []string{"invalid", "not_found", "conflict", "denied", "unsupported", "unavailable"}}, "message": text}, "scope", "message"),
		op("note", object{"scope": scope, "kind": object{"enum": []string{"offer", "fold", "blind_spot", "not_covered", "warning"}}, "text": text, "command": text, "count": count}, "kind", "text"),
		op("missing", object{"scope": scope, "permission": text, "consequence": text}, "scope", "permission", "consequence"),
		op("progress", object{"scope": scope, "stage": text, "done": count, "total": count, "unit": text}),
	}
}

func generate(t *testing.T) []byte {
	t.Helper()
	g := &generator{enums: enums(t), defs: object{}}
	var facts []any
	for _, f := range factValues() {
		name := string(f.FactType()) + "_fact"
		g.defs[name] = g.object(reflect.TypeOf(f), object{"type": object{"const": string(f.FactType())}})
		facts = append(facts, object{"$ref": "#/$defs/" + name})
	}
	lines := g.lines()
	g.defs["fact"] = object{"oneOf": facts}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(object{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "A line of a program that Retinue's exec connector runs, protocol version 1",
		"oneOf":   lines, "$defs": g.defs,
	}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSchemaInStep(t *testing.T) {
	want := generate(t)
	if *update {
		if err := os.WriteFile("schema.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if schema != string(want) {
		t.Errorf("schema.json is not what the types of the root package make it: run go test ./connectors/exec -update")
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s.Validate(v)
}

// fill gives every field of a value something.
func fill(v reflect.Value, all map[string][]string) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
	case v.Type() == reflect.TypeFor[retinue.Attrs]():
		v.Set(reflect.ValueOf(retinue.Attrs{"a": "x", "b": true, "c": 3, "d": []string{"y"}}))
	case v.Type() == reflect.TypeFor[retinue.Realm]():
		v.SetString("system:one")
	case v.Kind() == reflect.String && len(all[v.Type().Name()]) > 0:
		v.SetString(all[v.Type().Name()][0])
	case v.Kind() == reflect.String:
		v.SetString("text")
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(7)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), all)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), all)
	case v.Kind() == reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"k": "v"}))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), all)
		}
	}
}

// TestSchemaTakesFacts checks every fact type, with every field set, as MarshalFact
// writes it.
func TestSchemaTakesFacts(t *testing.T) {
	s, all := compiled(t), enums(t)
	for _, zero := range factValues() {
		full := reflect.New(reflect.TypeOf(zero)).Elem()
		fill(full, all)
		f := full.Interface().(retinue.Fact)
		if c, ok := f.(retinue.Credential); ok {
			c.Fingerprints = nil
			f = c
		}
		enc, err := retinue.MarshalFact(f)
		if err != nil {
			t.Fatal(err)
		}
		line := `{"op":"fact","scope":{"realm":"system:one","path":"p"},"fact":` + string(enc) + `}`
		if err := validate(t, s, line); err != nil {
			t.Errorf("%s: %v", f.FactType(), err)
		}
		if _, err := parseLine([]byte(line)); err != nil {
			t.Errorf("%s: the schema takes what the reader does not: %v", f.FactType(), err)
		}
		wrong := strings.Replace(line, `"fact":{`, `"fact":{"unheardOf":1,`, 1)
		if validate(t, s, wrong) == nil {
			t.Errorf("%s: the schema takes an unknown field", f.FactType())
		}
	}
}

func TestSchemaRefuses(t *testing.T) {
	s := compiled(t)
	const fact = `"fact":{"type":"identity","ref":{"realm":"a:b","kind":"bot","key":"k"},"kind":"bot","class":"non_human"}`
	for _, bad := range []string{
		`{"op":"realm","realm":"a:b"}`, `{"op":"realm","protocol":2,"realm":"a:b"}`, `{"op":"realm","protocol":1,"realm":"ab"}`,
		`{"op":"dance"}`, `{"op":"fact",` + fact + `}`, `{"op":"fact","scope":{"realm":"a:b","path":""},"extra":1,` + fact + `}`,
		`{"op":"complete","scope":{"realm":"a:b","path":""}}`,
		`{"op":"fact","scope":{"realm":"a:b","path":""},` + strings.Replace(fact, `"class":"non_human"`, `"class":"robot"`, 1) + `}`,
	} {
		if validate(t, s, bad) == nil {
			t.Errorf("the schema takes %s", bad)
		}
	}
	if err := validate(t, s, `{"op":"fact","scope":{"realm":"a:b","path":""},`+fact+`}`); err != nil {
		t.Errorf("the schema refuses a good line: %v", err)
	}
}
