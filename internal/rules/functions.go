package rules

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/parser"

	"github.com/retinue-id/retinue"
)

// Function is a function that rules may use beside CEL's own.
type Function struct {
	Signature string
	Help      string
	opt       cel.EnvOption
}

// Functions lists them. Of a time that is not set nothing is true, and its
// distance is 0 days, so that a rule does not fire on what nobody said.
func Functions() []Function { return functions(types.DefaultTypeAdapter) }

// functions lists them, with what makes values of structs.
func functions(natives types.Adapter) []Function {
	return slices.Concat(clockFunctions(), valueFunctions(), textFunctions(), accessFunctions(natives))
}

// clockMacros let rules write days_since(t) for days_between(t, now).
func clockMacros() []cel.Macro {
	swap := func(name string, argc int, to string) cel.Macro {
		return cel.GlobalMacro(name, argc, func(f parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
			return f.NewCall(to, append([]ast.Expr{f.NewIdent("now")}, args...)...), nil
		})
	}
	return []cel.Macro{
		swap("days_since", 1, "_days_since"), swap("days_until", 1, "_days_until"),
		swap("older_than", 2, "_older_than"), swap("younger_than", 2, "_younger_than"),
		swap("ends_within", 2, "_ends_within"), swap("is_past", 1, "_is_past"),
		cel.GlobalMacro("age_days", 1, func(f parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
			return f.NewCall("_days_since", f.NewIdent("now"), f.NewCall("renewed", args...)), nil
		}),
	}
}

func clockFunctions() []Function {
	ts, day := cel.TimestampType, cel.IntType
	clock := func(name string, argTypes []*cel.Type, out *cel.Type, fn func(now, t time.Time, days int64) ref.Val) cel.EnvOption {
		return cel.Function("_"+name, cel.Overload("_"+name, argTypes, out, cel.FunctionBinding(func(args ...ref.Val) ref.Val {
			now, ok := args[0].Value().(time.Time)
			t, ok2 := args[1].Value().(time.Time)
			days := int64(0)
			if len(args) > 2 {
				days, _ = args[2].Value().(int64)
			}
			if !ok || !ok2 {
				return types.NewErr("%s: want a time", name)
			}
			return fn(now, t, days)
		})))
	}
	two, three := []*cel.Type{ts, ts}, []*cel.Type{ts, ts, day}
	between := func(a, b time.Time) int64 { return int64(b.Sub(a).Hours() / 24) }
	return []Function{
		{"days_since(time) int", "whole days from a time to now; 0 where it is not set", clock("days_since", two, day,
			func(now, t time.Time, _ int64) ref.Val {
				if unset(t) {
					return types.Int(0)
				}
				return types.Int(between(t, now))
			})},
		{"days_until(time) int", "whole days from now to a time; 0 where it is not set", clock("days_until", two, day,
			func(now, t time.Time, _ int64) ref.Val {
				if unset(t) {
					return types.Int(0)
				}
				return types.Int(between(now, t))
			})},
		{"older_than(time, days) bool", "set, and more than so many days ago", clock("older_than", three, cel.BoolType,
			func(now, t time.Time, d int64) ref.Val {
				return types.Bool(!unset(t) && t.Before(now.AddDate(0, 0, -int(d))))
			})},
		{"younger_than(time, days) bool", "set, past, and at most so many days ago", clock("younger_than", three, cel.BoolType,
			func(now, t time.Time, d int64) ref.Val {
				return types.Bool(!unset(t) && !t.After(now) && !t.Before(now.AddDate(0, 0, -int(d))))
			})},
		{"ends_within(time, days) bool", "set, not past, and at most so many days ahead", clock("ends_within", three, cel.BoolType,
			func(now, t time.Time, d int64) ref.Val {
				return types.Bool(!unset(t) && t.After(now) && !t.After(now.AddDate(0, 0, int(d))))
			})},
		{"is_past(time) bool", "set, and not in the future", clock("is_past", two, cel.BoolType,
			func(now, t time.Time, _ int64) ref.Val { return types.Bool(!unset(t) && !t.After(now)) })},
		{"renewed(credential) time", "when it was last rotated, else made", cel.Function("renewed",
			cel.Overload("renewed_credential", []*cel.Type{object[retinue.Credential]()}, ts, cel.UnaryBinding(renewed)),
			cel.Overload("renewed_identity", []*cel.Type{object[retinue.Identity]()}, ts, cel.UnaryBinding(renewed)))},
		{"age_days(credential) int", "days since it was last rotated, else made; 0 where neither is known; of an identity, since it was made", noOption},
	}
}

// noOption stands for functions that are macros.
func noOption(e *cel.Env) (*cel.Env, error) { return e, nil }

func renewed(v ref.Val) ref.Val {
	switch x := deref(v.Value()).(type) {
	case retinue.Credential:
		if x.RotatedAt.After(x.CreatedAt) {
			return types.Timestamp{Time: x.RotatedAt}
		}
		return types.Timestamp{Time: x.CreatedAt}
	case retinue.Identity:
		return types.Timestamp{Time: x.CreatedAt}
	}
	return types.NewErr("renewed: want a credential or an identity")
}

func deref(v any) any {
	switch x := v.(type) {
	case *retinue.Credential:
		return *x
	case *retinue.Identity:
		return *x
	}
	return v
}

func valueFunctions() []Function {
	dyn, str, labels := cel.DynType, cel.StringType, cel.MapType(cel.StringType, cel.DynType)
	return []Function{
		{"is_set(value) bool", "not empty, zero or null", unary("is_set", dyn, cel.BoolType, func(v ref.Val) ref.Val {
			return types.Bool(isSet(v))
		})},
		{"has_label(map, key) bool", "a key is there with a value, in whatever case it is written", binary("has_label",
			labels, str, cel.BoolType, func(m, k ref.Val) ref.Val {
				v, ok := lookup(m, k)
				return types.Bool(ok && isSet(v))
			})},
		{"label(map, key) string", "the value of a key in whatever case it is written, else \"\"", binary("label",
			labels, str, str, textOf)},
		{"text(attrs, key) string", "an attribute as text, else \"\"", binary("text", labels, str, str, textOf)},
		{"flag(attrs, key) bool", "an attribute is true", binary("flag", labels, str, cel.BoolType, func(m, k ref.Val) ref.Val {
			v, ok := lookup(m, k)
			return types.Bool(ok && (v == types.True || v.Value() == "true"))
		})},
		{"is_false(attrs, key) bool", "an attribute is there and false", binary("is_false", labels, str, cel.BoolType,
			func(m, k ref.Val) ref.Val {
				v, ok := lookup(m, k)
				return types.Bool(ok && (v == types.False || v.Value() == "false"))
			})},
		{"number(attrs, key) int", "an attribute as a number, else 0", binary("number", labels, str, cel.IntType, numberOf)},
		{"items(attrs, key) list", "an attribute as a list of texts, else empty", binary("items", labels, str,
			cel.ListType(str), itemsOf)},
		{"first_label(map, keys) string", "the value of the first key that is there, else \"\"", binary("first_label",
			labels, cel.ListType(str), str, firstLabel)},
		{"last_use(uses) time", "the latest use", unary("last_use", cel.ListType(object[retinue.Use]()), cel.TimestampType,
			func(v ref.Val) ref.Val { return types.Timestamp{Time: lastUse(usesOf(v))} })},
		{"never_used(uses) bool", "a source says that it was never used, and none says it was", unary("never_used",
			cel.ListType(object[retinue.Use]()), cel.BoolType, func(v ref.Val) ref.Val {
				return types.Bool(neverUsed(usesOf(v)))
			})},
	}
}

func textFunctions() []Function {
	str, num := cel.StringType, cel.IntType
	return []Function{
		{"plural(count, noun) string", "\"1 key\", \"3 keys\"", binary("plural", num, str, str, func(n, noun ref.Val) ref.Val {
			c, _ := n.Value().(int64)
			s, _ := noun.Value().(string)
			return types.String(plural(c, s))
		})},
		{"words(list, limit) string", "\"a and b\", \"a, b and 3 more\"", binary("words", cel.ListType(str), num, str,
			func(l, n ref.Val) ref.Val {
				limit, _ := n.Value().(int64)
				return types.String(listWords(stringsOf(l), int(max(1, limit))))
			})},
		{"noun(kind) string", "\"access_key\" as \"access key\", \"ssh_key\" as \"SSH key\"", unary("noun", str, str, func(v ref.Val) ref.Val {
			s, _ := v.Value().(string)
			return types.String(noun(s))
		})},
		{"named(kind, name) string", "\"SSH key deploy\", or the name alone where it says the kind", binary("named", str, str, str, named)},
		{"Named(kind, name) string", "the same at the beginning of a sentence", binary("Named", str, str, str, func(k, n ref.Val) ref.Val {
			s, _ := named(k, n).Value().(string)
			if s != "" {
				s = strings.ToUpper(s[:1]) + s[1:]
			}
			return types.String(s)
		})},
		{"date(time) string", "2026-01-02, else \"an unknown date\"", unary("date", cel.TimestampType, str, func(v ref.Val) ref.Val {
			t, ok := v.Value().(time.Time)
			if !ok || unset(t) {
				return types.String("an unknown date")
			}
			return types.String(t.UTC().Format(time.DateOnly))
		})},
		{"distinct(list) list", "a list of texts sorted and without repetitions", unary("distinct", cel.ListType(str),
			cel.ListType(str), func(l ref.Val) ref.Val {
				set := map[string]bool{}
				for _, w := range stringsOf(l) {
					set[w] = true
				}
				return types.NewStringList(types.DefaultTypeAdapter, sortedKeys(set))
			})},
	}
}

// named puts the kind before a name that does not begin with it.
func named(kind, name ref.Val) ref.Val {
	k, _ := kind.Value().(string)
	n, _ := name.Value().(string)
	if k = noun(k); strings.HasPrefix(strings.ToLower(n), strings.ToLower(k)) {
		return types.String(n)
	}
	return types.String(k + " " + n)
}

// noun writes a kind in words.
func noun(kind string) string {
	words := strings.Split(kind, "_")
	for i, w := range words {
		switch w {
		case "api", "ssh", "jwt", "s3", "sqs", "sns", "ec2", "ecs", "eks", "rds", "kms", "iam":
			words[i] = strings.ToUpper(w)
		case "oauth":
			words[i] = "OAuth"
		case "lambda":
			words[i] = "Lambda"
		}
	}
	return strings.Join(words, " ")
}

func unary(name string, in, out *cel.Type, fn func(ref.Val) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.Overload(name+"_1", []*cel.Type{in}, out, cel.UnaryBinding(fn)))
}

func binary(name string, a, b, out *cel.Type, fn func(a, b ref.Val) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.Overload(name+"_2", []*cel.Type{a, b}, out, cel.BinaryBinding(fn)))
}

// unset reports a time that nobody gave. CEL reads an empty time of a struct as
// the start of the Unix epoch, at which no credential was made.
func unset(t time.Time) bool { return t.IsZero() || t.Unix() == 0 }

func isSet(v ref.Val) bool {
	switch x := v.Value().(type) {
	case nil:
		return false
	case time.Time:
		return !unset(x)
	}
	if z, ok := v.(traits.Sizer); ok {
		return z.Size() != types.IntZero
	}
	rv := reflect.ValueOf(v.Value())
	if rv.Kind() == reflect.Pointer {
		return !rv.IsNil() && !rv.Elem().IsZero()
	}
	return rv.IsValid() && !rv.IsZero()
}

// lookup finds a key of a map in whatever case it is written.
func lookup(m, key ref.Val) (ref.Val, bool) {
	want, ok := key.Value().(string)
	if !ok {
		return nil, false
	}
	switch x := m.Value().(type) {
	case map[string]string:
		return find(x, want)
	case map[string]any:
		return find(x, want)
	case retinue.Attrs:
		return find(x, want)
	}
	mp, ok := m.(traits.Mapper)
	if !ok {
		return nil, false
	}
	return mp.Find(key)
}

// find prefers the key as it is written; among others that differ in case only,
// the first in bytewise order.
func find[M ~map[string]V, V any](m M, want string) (ref.Val, bool) {
	v, ok := m[want]
	if !ok {
		best := ""
		for k := range m {
			if strings.EqualFold(k, want) && (best == "" || k < best) {
				best = k
			}
		}
		if best == "" {
			return nil, false
		}
		v = m[best]
	}
	return types.DefaultTypeAdapter.NativeToValue(v), true
}

func textOf(m, k ref.Val) ref.Val {
	v, ok := lookup(m, k)
	if !ok {
		return types.String("")
	}
	return types.String(show(v))
}

func numberOf(m, k ref.Val) ref.Val {
	v, ok := lookup(m, k)
	if !ok {
		return types.IntZero
	}
	if n, ok := v.ConvertToType(types.IntType).(types.Int); ok {
		return n
	}
	return types.IntZero
}

func itemsOf(m, k ref.Val) ref.Val {
	v, ok := lookup(m, k)
	if !ok {
		return types.NewStringList(types.DefaultTypeAdapter, nil)
	}
	if s, ok := v.Value().(string); ok {
		return types.NewStringList(types.DefaultTypeAdapter, []string{s})
	}
	return types.NewStringList(types.DefaultTypeAdapter, stringsOf(v))
}

func firstLabel(m, keys ref.Val) ref.Val {
	if z, ok := m.(traits.Sizer); ok && z.Size() == types.IntZero {
		return types.String("")
	}
	for _, k := range stringsOf(keys) {
		if v, ok := lookup(m, types.String(k)); ok && isSet(v) {
			return types.String(show(v))
		}
	}
	return types.String("")
}

func stringsOf(v ref.Val) []string {
	l, ok := v.(traits.Lister)
	if !ok {
		return nil
	}
	var out []string
	for it := l.Iterator(); it.HasNext() == types.True; {
		v := it.Next().Value()
		s, ok := v.(string)
		if !ok {
			s = fmt.Sprint(v)
		}
		out = append(out, s)
	}
	return out
}

func usesOf(v ref.Val) []retinue.Use {
	if u, ok := v.Value().([]retinue.Use); ok {
		return u
	}
	return nil
}

func lastUse(uses []retinue.Use) time.Time {
	var t time.Time
	for i := range uses {
		if uses[i].At.After(t) && uses[i].Outcome != "denied" && uses[i].Outcome != "error" {
			t = uses[i].At
		}
	}
	return t
}

func neverUsed(uses []retinue.Use) bool {
	never := false
	for i := range uses {
		if !uses[i].At.IsZero() {
			return false
		}
		never = never || uses[i].Never
	}
	return never
}
