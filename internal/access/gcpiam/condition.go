package gcpiam

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/retinue-id/retinue"
)

// maxCost bounds the evaluation of one condition, in the units of CEL.
const maxCost = 100_000

// expressions compiles conditions, each text once.
type expressions struct {
	env   *cel.Env
	mu    sync.Mutex
	cache map[string]*condition
}

// condition is a compiled condition, or the reason why it is not understood.
type condition struct {
	program cel.Program
	broken  string
}

// tagsKey and apiKey hide what functions of conditions ask for in the value of
// their variable.
const (
	tagsKey = "\x00tags"
	apiKey  = "\x00attributes"
)

// newExpressions makes the environment of conditions: "Attribute reference for
// IAM Conditions". All variables are dynamic, as what they hold depends on the
// service that is asked.
func newExpressions() (*expressions, error) {
	two := []*cel.Type{cel.DynType, cel.StringType, cel.StringType}
	one := []*cel.Type{cel.DynType, cel.StringType}
	env, err := cel.NewEnv(
		cel.Variable("request", cel.DynType), cel.Variable("resource", cel.DynType),
		cel.Variable("destination", cel.DynType), cel.Variable("api", cel.DynType), cel.Variable("origin", cel.DynType),
		cel.ParserExpressionSizeLimit(maxExpression), cel.ParserRecursionLimit(64),
		cel.Function("matchTag", cel.MemberOverload("tag_match", two, cel.BoolType, cel.FunctionBinding(matchTag))),
		cel.Function("matchTagId", cel.MemberOverload("tag_match_id", two, cel.BoolType, cel.FunctionBinding(tagByID))),
		cel.Function("hasTagKey", cel.MemberOverload("tag_key", one, cel.BoolType, cel.FunctionBinding(hasTag))),
		cel.Function("hasTagKeyId", cel.MemberOverload("tag_key_id", one, cel.BoolType, cel.FunctionBinding(tagByID))),
		cel.Function("getAttribute", cel.MemberOverload("api_attribute", []*cel.Type{cel.DynType, cel.StringType, cel.DynType},
			cel.DynType, cel.FunctionBinding(getAttribute))),
		cel.Function("hasOnly", cel.MemberOverload("list_has_only", []*cel.Type{cel.DynType, cel.DynType}, cel.BoolType, cel.FunctionBinding(hasOnly))),
		cel.Function("extract", cel.MemberOverload("string_extract", []*cel.Type{cel.DynType, cel.StringType}, cel.StringType, cel.FunctionBinding(extract))),
	)
	if err != nil {
		return nil, fmt.Errorf("%w: make the language of conditions: %w", retinue.ErrInvalid, err)
	}
	return &expressions{env: env, cache: map[string]*condition{}}, nil
}

func (e *expressions) compile(x *Expr) *condition {
	if x == nil || strings.TrimSpace(x.Expression) == "" {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.cache[x.Expression]; c != nil {
		return c
	}
	c := e.build(x.Expression)
	e.cache[x.Expression] = c
	return c
}

func (e *expressions) build(text string) *condition {
	if len(text) > maxExpression {
		return &condition{broken: fmt.Sprintf("the condition has %d bytes: the limit is %d", len(text), maxExpression)}
	}
	ast, iss := e.env.Compile(text)
	if iss.Err() != nil {
		return &condition{broken: "the condition is not understood: " + oneLine(iss.Err().Error())}
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return &condition{broken: "the condition gives a " + t.String() + " and not yes or no"}
	}
	p, err := e.env.Program(ast, cel.CostLimit(maxCost), cel.InterruptCheckFrequency(1000))
	if err != nil {
		return &condition{broken: "the condition is not understood: " + oneLine(err.Error())}
	}
	return &condition{program: p}
}

func oneLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return retinue.CleanName(s)
}

// verdict is what a condition came to: maybe where it hangs on something that
// the context does not hold, or with a text where it is not understood; failed
// says that its evaluation ended in an error.
type verdict struct {
	value  truth
	failed bool
	text   string
}

// eval evaluates a condition. Nil is always true.
func (c *condition) eval(vars map[string]any) verdict {
	if c == nil {
		return verdict{value: yes}
	}
	if c.broken != "" {
		return verdict{value: maybe, text: c.broken}
	}
	out, _, err := c.program.Eval(vars)
	switch {
	case types.IsUnknown(out):
		return verdict{value: maybe}
	case err != nil:
		return verdict{value: maybe, failed: true, text: "the condition cannot be evaluated: " + oneLine(err.Error())}
	case out == types.True:
		return verdict{value: yes}
	case out == types.False:
		return verdict{value: no}
	}
	return verdict{value: maybe, failed: true, text: "the condition gives no yes or no"}
}

// unknown is the value of what the context does not hold.
func unknown(name string) ref.Val { return types.NewUnknown(1, types.NewAttributeTrail(name)) }

// setting makes the variables of a condition from a resource and a context by
// attribute name, such as "request.time".
func (x *Index) setting(name string, n *node, context map[string]any) map[string]any {
	request := map[string]any{"time": unknown("request.time"), "path": unknown("request.path"), "host": unknown("request.host"),
		"auth": map[string]any{"access_levels": unknown("request.auth.access_levels"), "claims": unknown("request.auth.claims"),
			"principal": unknown("request.auth.principal")}}
	resource := map[string]any{"name": unknown("resource.name"), "type": unknown("resource.type"), "service": unknown("resource.service")}
	vars := map[string]any{"request": request, "resource": resource, "origin": unknown("origin"),
		"destination": map[string]any{"ip": unknown("destination.ip"), "port": unknown("destination.port")}}
	describe(resource, name, n)
	attributes := map[string]any{}
	for k, v := range context {
		v = moment(k, v)
		switch head, rest, _ := strings.Cut(k, "."); {
		case k == "resource.tags":
			if tags, ok := v.(map[string]any); ok {
				resource[tagsKey] = tags
			}
		case head == "api":
			attributes[rest] = v
		case head == "request" && strings.HasPrefix(rest, "auth."):
			request["auth"].(map[string]any)[strings.TrimPrefix(rest, "auth.")] = v
		case head == "request":
			request[rest] = v
		case head == "resource":
			resource[rest] = v
		case head == "destination":
			vars["destination"].(map[string]any)[rest] = v
		case k == "origin":
			vars[k] = v
		default:
			attributes[k] = v
		}
	}
	vars["api"] = map[string]any{apiKey: attributes}
	return vars
}

// moment turns times of a context, which JSON writes as text, into times.
func moment(key string, v any) any {
	if s, ok := v.(string); ok && key == "request.time" {
		if t, err := time.Parse(time.RFC3339, s); err == nil {
			return t
		}
		return unknown(key)
	}
	return v
}

// describe fills in what a resource's name tells. Nodes of the hierarchy have
// several spellings, so that their resource.name stays open.
func describe(resource map[string]any, name string, n *node) {
	kind := typeOf(name)
	if n != nil {
		if n.kind != "" {
			kind = n.kind
		}
		if n.tags != nil || n.tagsRead {
			tags := make(map[string]any, len(n.tags))
			for k, v := range n.tags {
				tags[k] = v
			}
			resource[tagsKey] = tags
		}
	}
	if kind != "" {
		resource["type"] = kind
	}
	if rest, ok := strings.CutPrefix(name, "//"); ok {
		service, path, _ := strings.Cut(rest, "/")
		resource["service"], resource["name"] = service, path
	} else {
		resource["service"] = crmService
	}
}

// typeOf is the type of resources that conditions are most often about, by the
// path of their names: "Resource types" of the reference.
func typeOf(name string) string {
	rest, ok := strings.CutPrefix(name, "//")
	if !ok {
		switch kind, _, _ := strings.Cut(name, "/"); kind {
		case "projects":
			return crmService + "/Project"
		case "folders":
			return crmService + "/Folder"
		case "organizations":
			return crmService + "/Organization"
		}
		return ""
	}
	service, path, _ := strings.Cut(rest, "/")
	if service == storageService {
		if strings.Contains(path, "/objects/") {
			return service + "/Object"
		}
		return service + "/Bucket"
	}
	parts := strings.Split(path, "/")
	if len(parts) < 2 {
		return ""
	}
	kinds := map[string]string{"instances": "Instance", "secrets": "Secret", "keyRings": "KeyRing", "cryptoKeys": "CryptoKey",
		"cryptoKeyVersions": "CryptoKeyVersion", "datasets": "Dataset", "tables": "Table", "serviceAccounts": "ServiceAccount",
		"topics": "Topic", "subscriptions": "Subscription", "disks": "Disk", "images": "Image", "snapshots": "Snapshot", "clusters": "Cluster"}
	collection := parts[len(parts)-2]
	if service == "secretmanager.googleapis.com" && collection == "versions" {
		return service + "/SecretVersion"
	}
	if kind := kinds[collection]; kind != "" {
		return service + "/" + kind
	}
	return ""
}

// tagsOf finds the tags of a resource, nil where they are not known.
func tagsOf(v ref.Val) traits.Mapper {
	m, ok := v.(traits.Mapper)
	if !ok {
		return nil
	}
	tags, found := m.Find(types.String(tagsKey))
	if !found {
		return nil
	}
	mapper, _ := tags.(traits.Mapper)
	return mapper
}

func matchTag(args ...ref.Val) ref.Val {
	tags := tagsOf(args[0])
	if tags == nil {
		return unknown("resource.tags")
	}
	v, found := tags.Find(args[1])
	return types.Bool(found && v.Equal(args[2]) == types.True)
}

func hasTag(args ...ref.Val) ref.Val {
	tags := tagsOf(args[0])
	if tags == nil {
		return unknown("resource.tags")
	}
	_, found := tags.Find(args[1])
	return types.Bool(found)
}

// tagByID answers the functions that name tags by their numbers, which a state
// does not hold.
func tagByID(...ref.Val) ref.Val { return unknown("resource.tags by id") }

func getAttribute(args ...ref.Val) ref.Val {
	if m, ok := args[0].(traits.Mapper); ok {
		if v, found := m.Find(types.String(apiKey)); found {
			if attributes, ok := v.(traits.Mapper); ok {
				if got, found := attributes.Find(args[1]); found {
					return got
				}
			}
		}
	}
	return unknown(fmt.Sprint("api attribute ", args[1].Value()))
}

// hasOnly reports whether a list holds nothing but what another holds.
func hasOnly(args ...ref.Val) ref.Val {
	list, ok := args[0].(traits.Lister)
	only, ok2 := args[1].(traits.Lister)
	if !ok || !ok2 {
		return types.NewErr("hasOnly: want two lists")
	}
	for it := list.Iterator(); it.HasNext() == types.True; {
		if only.Contains(it.Next()) != types.True {
			return types.False
		}
	}
	return types.True
}

// extract is the text that stands in place of the name in braces of a template,
// or nothing where the template does not fit ("Extracting values").
func extract(args ...ref.Val) ref.Val {
	text, ok := args[0].Value().(string)
	template, ok2 := args[1].Value().(string)
	if !ok || !ok2 {
		return types.NewErr("extract: want texts")
	}
	before, rest, found := strings.Cut(template, "{")
	_, after, closed := strings.Cut(rest, "}")
	if !found || !closed {
		return types.NewErr("extract: want a name in braces")
	}
	i := strings.Index(text, before)
	if i < 0 {
		return types.String("")
	}
	text = text[i+len(before):]
	if after == "" {
		return types.String(text)
	}
	if i = strings.Index(text, after); i < 0 {
		return types.String("")
	}
	return types.String(text[:i])
}
