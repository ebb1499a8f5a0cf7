package aws

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// maxTerraform bounds a Terraform file, which is read whole.
const maxTerraform = 256 << 20

// tfResource is a resource in any of the forms in which Terraform's are
// written: terraform show -json (address, values), a state file (instances) and
// a plain list of objects (arn, attributes, account).
type tfResource struct {
	Type       string  `json:"type"`
	Name       string  `json:"name"`
	TFName     string  `json:"tfname"`
	Address    string  `json:"address"`
	Module     string  `json:"module"`
	Mode       string  `json:"mode"`
	ARN        string  `json:"arn"`
	Account    string  `json:"account"`
	Values     tfAttrs `json:"values"`
	Attributes tfAttrs `json:"attributes"`
	Instances  []struct {
		Attributes tfAttrs `json:"attributes"`
	} `json:"instances"`
}

type tfModule struct {
	Resources    []tfResource `json:"resources"`
	ChildModules []tfModule   `json:"child_modules"`
}

type tfFile struct {
	Values struct {
		RootModule tfModule `json:"root_module"`
	} `json:"values"`
	PlannedValues *struct {
		RootModule tfModule `json:"root_module"`
	} `json:"planned_values"`
	Lineage   string       `json:"lineage"`
	Resources []tfResource `json:"resources"` // of a state file
}

// tfAttrs are the attributes of a resource. Documents inside keep their order.
type tfAttrs map[string]json.RawMessage

func (t tfAttrs) str(names ...string) string {
	for _, n := range names {
		var s string
		if json.Unmarshal(t[n], &s) == nil && s != "" && s != "UNRESOLVED" {
			return s
		}
	}
	return ""
}

func (t tfAttrs) list(name string) []string {
	var w words
	if len(t[name]) == 0 || json.Unmarshal(t[name], &w) != nil {
		return nil
	}
	return w
}

// block returns a nested block: an object, or the first of a list of them.
func (t tfAttrs) block(name string) tfAttrs {
	var one tfAttrs
	if json.Unmarshal(t[name], &one) == nil {
		return one
	}
	var many []tfAttrs
	if json.Unmarshal(t[name], &many) == nil && len(many) > 0 {
		return many[0]
	}
	return nil
}

func (t tfAttrs) tags() tags {
	var out tags
	if len(t["tags"]) > 0 {
		_ = out.UnmarshalJSON(t["tags"]) // never fails: what is no tags is none
	}
	return out
}

// parseTerraform reads a file and says whether it is a plan.
func parseTerraform(r io.Reader) (all []tfResource, plan bool, err error) {
	b, err := io.ReadAll(io.LimitReader(skipBOM(r), maxTerraform+1))
	if err != nil {
		return nil, false, err
	}
	if len(b) > maxTerraform {
		return nil, false, fmt.Errorf("%w: a Terraform file of more than %d MiB", retinue.ErrInvalid, maxTerraform>>20)
	}
	if i := strings.IndexFunc(string(b[:min(len(b), 512)]), func(c rune) bool { return c > ' ' }); i >= 0 && b[i] == '[' {
		err = json.Unmarshal(b, &all)
		return all, false, tfError(err)
	}
	var f tfFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, false, tfError(err)
	}
	root := f.Values.RootModule
	if f.PlannedValues != nil {
		root, plan = f.PlannedValues.RootModule, true
	}
	all = append(all, f.Resources...)
	return appendModule(all, root, 0), plan, nil
}

func tfError(err error) error {
	if err == nil {
		return nil
	}
	var se *json.SyntaxError
	if errors.As(err, &se) {
		return fmt.Errorf("%w: byte %d: %s", retinue.ErrInvalid, se.Offset, retinue.CleanName(se.Error()))
	}
	return fmt.Errorf("%w: %s", retinue.ErrInvalid, retinue.CleanName(err.Error()))
}

func appendModule(all []tfResource, m tfModule, depth int) []tfResource {
	all = append(all, m.Resources...)
	if depth < maxJSONDepth {
		for _, c := range m.ChildModules {
			all = appendModule(all, c, depth+1)
		}
	}
	return all
}

// instances returns the attributes of each instance of a resource.
func (t tfResource) instances() []tfAttrs {
	var out []tfAttrs
	for _, i := range t.Instances {
		out = append(out, i.Attributes)
	}
	for _, a := range []tfAttrs{t.Values, t.Attributes} {
		if a != nil {
			out = append(out, a)
		}
	}
	return out
}

// place names where the resource is written down.
func (t tfResource) place() string {
	if t.Address != "" {
		return t.Address
	}
	name := t.Name
	if t.TFName != "" {
		name = t.TFName
	}
	place := t.Type + "." + name
	if t.Module != "" {
		place = t.Module + "." + place
	}
	return place
}

// readTerraform states what Terraform files declare in an account. A state is
// a scope of its own, by its lineage where the file has one, else by the name
// that the configuration gives: several states of one account do not end each
// other's facts.
func readTerraform(ctx context.Context, a *accountReader, src *fileSource, state string) error {
	byScope := map[string][]exportFile{}
	for _, e := range src.all {
		if e.kind != kindTerraform || e.account != a.account {
			continue
		}
		name := state
		if e.lineage != "" {
			name = retinue.CleanName(strings.ReplaceAll(e.lineage, "/", "-"))
		}
		byScope[name] = append(byScope[name], e)
	}
	for _, name := range sortedKeys(byScope) {
		if err := readState(ctx, a, src, name, byScope[name]); err != nil {
			return err
		}
	}
	return nil
}

func readState(ctx context.Context, a *accountReader, src *fileSource, name string, docs []exportFile) error {
	w := newScopeWriter(a.sink, a.scope("terraform/"+name))
	t := &terraform{a: a, w: w, folded: map[string]int{}}
	authority := connector.AuthorityReport
	var all []tfResource
	var err error
	for _, d := range docs {
		w.observed(d.observed())
		err = src.page(ctx, d, func(r io.Reader) error {
			some, plan, err := parseTerraform(r)
			if plan {
				authority = connector.AuthorityDeclared
			}
			all = append(all, some...)
			return err
		})
		if err != nil {
			w.fail(err)
		}
	}
	t.learn(all)
	for _, r := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.Account != "" && r.Account != a.account {
			t.elsewhere++
			continue
		}
		if !strings.HasPrefix(r.Type, "aws_") || r.Mode == "data" {
			continue
		}
		for _, v := range r.instances() {
			if err := t.resource(r, v); err != nil {
				return err
			}
		}
	}
	err = w.finish(ctx, nil, connector.Completion{Basis: "everything that the Terraform state holds of the account", Authority: authority})
	if errors.Is(err, errNotExported) {
		err = nil
	}
	if t.elsewhere > 0 {
		a.sink.Note(connector.Note{Kind: connector.NoteWarning, Scope: w.scope, Count: t.elsewhere,
			Text: fmt.Sprintf("%d Terraform resources name another account than %s and were not read: put each account into a file of its own", t.elsewhere, a.account)})
	}
	if n := t.foldedCount(); n > 0 {
		a.sink.Note(connector.Note{Kind: connector.NoteFold, Scope: w.scope, Count: n,
			Text: fmt.Sprintf("Terraform resources of %d types that hold no identity, credential, role or policy were passed over", len(t.folded))})
	}
	return err
}

// terraform turns resources into facts.
type terraform struct {
	a      *accountReader
	w      *scopeWriter
	folded map[string]int
	// elsewhere counts resources that name another account than most do.
	elsewhere int
}

func (t *terraform) foldedCount() int {
	n := 0
	for _, v := range t.folded {
		n += v
	}
	return n
}

// learn keeps the ARNs of what other resources refer to by name.
func (t *terraform) learn(all []tfResource) {
	kinds := map[string]string{"aws_iam_user": "user", "aws_iam_role": "role", "aws_iam_group": "group", "aws_iam_instance_profile": "instance-profile"}
	for _, r := range all {
		kind := kinds[r.Type]
		if kind == "" {
			continue
		}
		for _, v := range r.instances() {
			t.a.remember(kind, v.str("name"), v.str("arn"))
		}
	}
}

// resource states one instance of a resource.
func (t *terraform) resource(r tfResource, v tfAttrs) error {
	var facts []retinue.Fact
	switch {
	case strings.HasPrefix(r.Type, "aws_iam_"):
		facts = t.iam(r, v)
	default:
		facts = t.service(r, v)
	}
	if facts == nil {
		t.folded[r.Type]++
		return nil
	}
	return t.w.emit(facts...)
}

// arn is the ARN of a resource: the attribute, or the one beside the
// attributes where the list has one that AWS would give.
func (t *terraform) arn(r tfResource, v tfAttrs) string {
	if s := v.str("arn"); strings.HasPrefix(s, "arn:") {
		return s
	}
	if a, ok := parseARN(r.ARN); ok && a.service != "" {
		return r.ARN
	}
	return ""
}

func (t *terraform) declared(r tfResource) []retinue.Place {
	return []retinue.Place{{Kind: retinue.PlaceFile, Realm: t.a.realm(), Container: accountRef(t.a.account), Path: "terraform", Field: retinue.CleanName(r.place())}}
}

// runsAs gathers the roles of a resource from every attribute that names one by
// its ARN, at any depth.
func (t *terraform) runsAs(v tfAttrs) []retinue.Ref {
	var arns []string
	var walk func(raw json.RawMessage, depth int)
	walk = func(raw json.RawMessage, depth int) {
		if depth > 6 || len(raw) == 0 {
			return
		}
		switch raw[0] {
		case '"':
			s := scalar(raw)
			if a, ok := parseARN(s); ok && a.service == "iam" && strings.HasPrefix(a.resource, "role/") && isAccountID(a.account) {
				arns = append(arns, s)
			}
		case '[':
			var l []json.RawMessage
			if json.Unmarshal(raw, &l) == nil {
				for _, e := range l {
					walk(e, depth+1)
				}
			}
		case '{':
			var m tfAttrs
			if json.Unmarshal(raw, &m) == nil {
				for _, k := range sortedKeys(m) {
					walk(m[k], depth+1)
				}
			}
		}
	}
	for _, k := range sortedKeys(v) {
		if k != "policy" && k != "assume_role_policy" && !strings.Contains(k, "tags") {
			walk(v[k], 0)
		}
	}
	slices.Sort(arns)
	return roleRefs(t.a.account, arns...)
}
