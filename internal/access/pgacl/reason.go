package pgacl

import (
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// reason says what a yes rests on.
func (x *Index) reason(a *asked, v verdict) access.Reason {
	r := access.Reason{Effect: "allow", Document: "role " + a.Object}
	if a.object != nil {
		r.Document = a.object.Title()
	}
	switch v.how {
	case superuser:
		r.Layer, r.Text = "superuser", a.Role+" is a superuser: no check applies to it"
	case owner:
		r.Layer, r.Text = "ownership", "row security is not on"
		if v.role >= 0 {
			r.Text = x.chain(a, v) + " owns it"
		}
	case predefined:
		r.Layer, r.Text = "predefined role", x.chain(a, v)+" has it on everything"
		if a.Kind == KindRowSecurity {
			r.Layer, r.Text = "role attribute", a.Role+" has BYPASSRLS"
		}
	case member:
		r.Layer, r.Text = "membership", x.chain(a, v)
		if v.role != x.graph.find(a.Object) {
			r.Text += " was granted " + a.Object + " with the admin option"
		}
	default:
		r.Layer, r.Statement = "access list", v.item.text
		who := "everybody"
		if v.item.grantee >= 0 {
			who = x.chain(a, v)
		}
		r.Text = who + " is granted " + (v.item.privs & a.want).String()
	}
	return r
}

// chain names the memberships that lead from the role asked about to the one
// that holds something.
func (x *Index) chain(a *asked, v verdict) string {
	if a.role < 0 || v.role < 0 {
		return a.Role
	}
	path := x.graph.path(a.role, v.role, v.as, a.rules)
	if len(path) > 12 {
		path = append(slices.Clone(path[:6]), append([]string{"…"}, path[len(path)-5:]...)...)
	}
	return strings.Join(path, " as member of ")
}

func (x *Index) denial(a *asked) access.Reason {
	r := access.Reason{Layer: "access list", Effect: "none", Document: "role " + a.Object}
	switch a.Kind {
	case KindRole:
		r.Layer, r.Text = "membership", fmt.Sprintf("no membership gives %s %s of %s", a.Role, strings.ToUpper(a.Privilege), a.Object)
		return r
	case KindRowSecurity:
		r.Layer, r.Text = layerRows, fmt.Sprintf("row policies hold for %s", a.Role)
	default:
		r.Text = fmt.Sprintf("neither %s, nor a role whose privileges it has, nor PUBLIC is granted %s", a.Role, strings.ToUpper(a.Privilege))
		if a.Effective && a.object.Schema != "" {
			r.Text += ", or USAGE of the schema is missing"
		}
	}
	r.Document = a.object.Title()
	return r
}

// rowReasons says which row policies narrow a privilege that is held.
func (x *Index) rowReasons(a *asked) []access.Reason {
	if a.object == nil || a.object.Kind != Table || x.aboutRows(a).how != notHeld {
		return nil
	}
	var names []string
	for _, p := range a.object.RowPolicies {
		for _, role := range p.Roles {
			if role == "public" || x.graph.hasPrivs(a.role, x.graph.find(role), a.rules) {
				names = append(names, p.Name)
				break
			}
		}
	}
	text := "row security is on and no policy is for " + a.Role + ": it sees and changes no row"
	if len(names) > 0 {
		text = "row security narrows it to the rows of " + strings.Join(names, ", ")
	}
	return []access.Reason{{Layer: layerRows, Document: a.object.Title(), Effect: "none", Text: text}}
}

// rowsFor is rowReasons for a role on an object of the state.
func (x *Index) rowsFor(role string, o *compiled) []access.Reason {
	a := asked{Question: Question{Role: role, Kind: Table, Database: o.Database}, object: o}
	var err error
	if a.rules, err = x.rulesFor(&a); err != nil {
		return nil
	}
	return x.rowReasons(&a)
}

// layerRows is the layer of row policies.
const layerRows = "row security"
