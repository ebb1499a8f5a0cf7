package awsdata

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/retinue-id/retinue"
)

// Level is the access level that AWS gives an action ("Understanding access
// level summaries within policy summaries").
type Level string

// The access levels.
const (
	List        Level = "List"
	Read        Level = "Read"
	Write       Level = "Write"
	Tagging     Level = "Tagging"
	Permissions Level = "Permissions management"
)

// Changes reports whether actions of the level change something.
func (l Level) Changes() bool { return l != List && l != Read }

// Service is one AWS service. Its lists must not be changed.
type Service struct {
	Prefix, Name string
	// ResourceControl is true where resource control policies apply to the
	// service's resources.
	ResourceControl bool
	Actions         []Action // sorted by name
	Resources       []ResourceType
	Keys            []ConditionKey

	byName map[string]int // by lower-case name
}

// Action is one action of a service.
type Action struct {
	Service, Name string
	Level         Level
	// Resources are the resource types that it can be allowed on; none means
	// that policies must name it with the resource "*".
	Resources []ActionResource
	// Keys are the condition keys of the action and its resource types.
	Keys []string
}

// ActionResource is a resource type of an action.
type ActionResource struct {
	Type     string
	Required bool
}

// FullName is the name with the service's prefix, in AWS's writing.
func (a *Action) FullName() string { return a.Service + ":" + a.Name }

// ResourceType is a type of resource. ARN holds variables such as ${Region}.
type ResourceType struct {
	Name, ARN string
	Keys      []string
}

// ConditionKey is a condition key. Type is String, Bool, Numeric, Date, ARN,
// IPAddress, or one of them with "ArrayOf" before it for keys with several
// values.
type ConditionKey struct {
	Name, Type string
}

// catalog holds the services as they were written until one is asked for.
type catalog struct {
	prefixes []string
	decode   map[string]func() (*Service, error)
}

func (c *catalog) service(prefix string) (*Service, error) {
	decode, ok := c.decode[prefix]
	if !ok {
		return nil, nil
	}
	return decode()
}

// readServices splits the lines; each begins with {"p":"prefix".
func (d *Data) readServices() (*catalog, error) {
	text, err := d.part("services.jsonl")
	if err != nil {
		return nil, err
	}
	c := &catalog{decode: make(map[string]func() (*Service, error))}
	for n := 1; len(text) > 0; n++ {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		start, ok := bytes.CutPrefix(line, []byte(`{"p":"`))
		prefix, _, found := strings.Cut(string(start[:min(len(start), 80)]), `"`)
		if _, twice := c.decode[prefix]; !ok || !found || twice || prefix != strings.ToLower(prefix) {
			return nil, fmt.Errorf("%w: reference data: line %d of services.jsonl does not begin with a prefix of its own", retinue.ErrInvalid, n)
		}
		c.prefixes = append(c.prefixes, prefix)
		c.decode[prefix] = sync.OnceValues(func() (*Service, error) { return decodeService(line, n) })
	}
	return c, nil
}

// decodeService reads a line; its names are those of the program in generate.
func decodeService(line []byte, n int) (*Service, error) {
	var raw struct {
		P string
		N string
		C bool
		A []struct {
			N string
			L string
			R []string
			K []string
		}
		R []struct {
			N, A string
			K    []string
		}
		K []struct{ N, T string }
	}
	fail := func(text string) (*Service, error) {
		return nil, fmt.Errorf("%w: reference data: line %d of services.jsonl: %s", retinue.ErrInvalid, n, retinue.CleanName(text))
	}
	if err := json.Unmarshal(line, &raw); err != nil {
		return fail(err.Error())
	}
	s := &Service{Prefix: raw.P, Name: raw.N, ResourceControl: raw.C,
		Actions: make([]Action, 0, len(raw.A)), byName: make(map[string]int, len(raw.A))}
	for _, a := range raw.A {
		level, ok := map[string]Level{"L": List, "R": Read, "W": Write, "T": Tagging, "P": Permissions}[a.L]
		if !ok || a.N == "" {
			return fail("an action without a name or a known level")
		}
		out := Action{Service: s.Prefix, Name: a.N, Level: level, Keys: a.K}
		for _, r := range a.R {
			name, required := strings.CutSuffix(r, "*")
			out.Resources = append(out.Resources, ActionResource{name, required})
		}
		s.byName[strings.ToLower(a.N)] = len(s.Actions)
		s.Actions = append(s.Actions, out)
	}
	for _, r := range raw.R {
		s.Resources = append(s.Resources, ResourceType{r.N, r.A, r.K})
	}
	for _, k := range raw.K {
		s.Keys = append(s.Keys, ConditionKey{k.N, k.T})
	}
	return s, nil
}
