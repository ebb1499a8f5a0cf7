package rules

import (
	"reflect"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/ext"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Variable is a name that rules may use.
type Variable struct {
	Name string
	Help string
	typ  *cel.Type
}

// Type returns the variable's CEL type in words.
func (v Variable) Type() string {
	return strings.ReplaceAll(v.typ.String(), "google.protobuf.Timestamp", "timestamp")
}

// Variables lists what rules may ask about. Fields of the types are the JSON
// names of the structs; a thing that is not there is empty and not null.
func Variables() []Variable {
	list := func(t *cel.Type) *cel.Type { return cel.ListType(t) }
	return []Variable{
		{"kind", "the kind of subject", cel.StringType},
		{"name", "the subject's name", cel.StringType},
		{"ref", "the subject's ref", object[retinue.Ref]()},
		{"now", "the time of the evaluation", cel.TimestampType},
		{"identity", "the identity; for credentials and trusts, whose it is", object[retinue.Identity]()},
		{"credential", "the credential", object[retinue.Credential]()},
		{"resource", "the resource", object[retinue.Resource]()},
		{"trust", "the trust", object[retinue.Trust]()},
		{"source", "the latest run of the source", object[SourceRun]()},
		{"credentials", "the identity's credentials, each with placements and uses", list(object[HeldCredential]())},
		{"placements", "where the credential lies; for an identity, what it reads", list(object[retinue.Placement]())},
		{"attachments", "the policies in force, each with its summary and path", list(object[AttachedPolicy]())},
		{"access", "the summaries of the granting attachments together, and whether policies of its system are evaluated (see docs)", object[Granted]()},
		{"excess", "how much more an identity can do than is good, where policies of its system are evaluated", object[Excess]()},
		{"memberships", "groups and roles that it belongs to", list(object[Member]())},
		{"grants", "rights stated directly", list(object[retinue.Grant]())},
		{"trusts", "who may become the identity", list(object[retinue.Trust]())},
		{"uses", "the latest use of each meaning", list(object[retinue.Use]())},
		{"ownerSignals", "evidence of who answers for it", list(object[retinue.OwnerSignal]())},
		{"registration", "the governance record", object[retinue.Registration]()},
		{"owner", "who answers for it", object[Owner]()},
		{"containers", "what it lives in, nearest first", list(object[retinue.Container]())},
		{"runners", "what runs as the identity", list(object[Runner]())},
		{"counts", "counts over the whole inventory", object[Counts]()},
		{"labels", "environment, criticality and data class, and who gave them", object[Labels]()},
		{"tags", "labels of the subject and its containers, keys in lower case, nearest first", cel.MapType(cel.StringType, cel.StringType)},
		{"paths", "the paths of its places", list(cel.StringType)},
		{"lastUse", "the latest use of the subject and its credentials", cel.TimestampType},
		{"neverUsed", "a source says that it was never used, and none says that it or a credential of it was", cel.BoolType},
		{"usage", "what its logs say about its use: status, evidence, and who shares it", object[Usage]()},
		{"knownTo", "people who left and know it: it was not rotated since they had it", list(object[Knower]())},
		{"exposure", "the widest exposure of the subject: owner, group, world, public or empty", cel.StringType},
	}
}

// Granted is what the granting attachments of a subject allow together:
// attachments in the roles identity, group and resource. It is a summary, not
// an evaluation; Limited, HasBoundary and HasDeny say when it may be less.
type Granted struct {
	// Admin is true where everything is allowed without a limit such as a
	// namespace; AdminWithin where it is within one.
	Admin       bool `json:"admin,omitempty"`
	AdminWithin bool `json:"adminWithin,omitempty"`
	// Escalates are ways to more rights without a limit, EscalatesWithin those
	// inside one.
	Escalates         []string `json:"escalates,omitempty"`
	EscalatesWithin   []string `json:"escalatesWithin,omitempty"`
	Wildcard          bool     `json:"wildcard,omitempty"`
	WildcardActions   []string `json:"wildcardActions,omitempty"`
	WildcardResources bool     `json:"wildcardResources,omitempty"`
	ReadsSecrets      bool     `json:"readsSecrets,omitempty"`
	Writes            bool     `json:"writes,omitempty"`
	Services          []string `json:"services,omitempty"`
	Conditional       bool     `json:"conditional,omitempty"`
	HasDeny           bool     `json:"hasDeny,omitempty"`
	HasBoundary       bool     `json:"hasBoundary,omitempty"`
	// Policies counts the granting attachments.
	Policies int `json:"policies,omitempty"`
	// Judged is true where policies of the identity's system are evaluated, and
	// Administrator where it then administers that system, after everything
	// that limits it. The functions reaches, can and held say more.
	Judged        bool `json:"judged,omitempty"`
	Administrator bool `json:"administrator,omitempty"`

	engine Access
}

// object is the CEL type of a struct.
func object[T any]() *cel.Type {
	return cel.ObjectType(reflect.TypeFor[T]().String())
}

// structs are the types whose fields rules may name; types of their fields come
// with them.
func structs() []any {
	return []any{
		reflect.TypeFor[retinue.Identity](), reflect.TypeFor[retinue.Credential](),
		reflect.TypeFor[retinue.Resource](), reflect.TypeFor[retinue.Trust](),
		reflect.TypeFor[retinue.Placement](), reflect.TypeFor[retinue.Grant](),
		reflect.TypeFor[retinue.Use](), reflect.TypeFor[retinue.OwnerSignal](),
		reflect.TypeFor[retinue.Registration](), reflect.TypeFor[retinue.Container](),
		reflect.TypeFor[SourceRun](), reflect.TypeFor[HeldCredential](), reflect.TypeFor[AttachedPolicy](),
		reflect.TypeFor[Member](), reflect.TypeFor[Owner](), reflect.TypeFor[Runner](),
		reflect.TypeFor[Counts](), reflect.TypeFor[Labels](), reflect.TypeFor[Granted](),
		reflect.TypeFor[access.Summary](), reflect.TypeFor[Way](), reflect.TypeFor[Holding](), reflect.TypeFor[Excess](),
		reflect.TypeFor[Usage](), reflect.TypeFor[Sharer](), reflect.TypeFor[Knower](),
	}
}

// newEnv makes the typed environment in which rules are compiled.
func newEnv() (*cel.Env, error) {
	base, err := cel.NewCustomEnv(ext.NativeTypes(append([]any{types.ParseStructTag("json")}, structs()...)...))
	if err != nil {
		return nil, err
	}
	opts := []cel.EnvOption{
		cel.StdLib(), ext.Strings(), ext.Sets(), ext.Bindings(),
		cel.ClearMacros(), cel.Macros(slices.Concat(cel.StandardMacros, clockMacros(), accessMacros())...),
	}
	for _, v := range Variables() {
		opts = append(opts, cel.Variable(v.Name, v.typ))
	}
	for _, f := range functions(base.CELTypeAdapter()) {
		opts = append(opts, f.opt)
	}
	return base.Extend(opts...)
}
