package api

import (
	"path"
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// strict makes the library take a field by its own spelling alone: its other
// mode would let one field through under two.
var strict = sync.OnceFunc(func() { huma.ValidateStrictCasing = true })

// schemaNames names the schemas of the document by their types. A name that
// two packages have is the first one's; the other's begins with its package.
func schemaNames() func(reflect.Type, string) string {
	taken := map[string]reflect.Type{}
	return func(t reflect.Type, hint string) string {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		name := huma.DefaultSchemaNamer(t, hint)
		pkg := path.Base(t.PkgPath())
		if pkg == "notice" && !strings.HasPrefix(name, "Notice") { // its words are those of others too
			return "Notice" + name
		}
		if t.Kind() != reflect.Struct || t.Name() == "" {
			return name
		}
		if have, ok := taken[name]; ok && have != t {
			return strings.ToUpper(pkg[:1]) + pkg[1:] + name
		}
		taken[name] = t
		return name
	}
}
