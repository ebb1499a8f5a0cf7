package rightsize

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue/internal/access/awsdata"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// catalog asks AWS's reference, which may be missing.
type catalog struct{ data *awsdata.Data }

// name is the action in AWS's own writing.
func (c catalog) name(action string) string {
	if a, ok := c.action(action); ok {
		return a.FullName()
	}
	return action
}

func (c catalog) action(action string) (awsdata.Action, bool) {
	if c.data == nil {
		return awsdata.Action{}, false
	}
	return c.data.Action(action)
}

// level is the access level in a word for a statement's id.
func (c catalog) level(action string) string {
	a, ok := c.action(action)
	if !ok {
		return "Other"
	}
	switch a.Level {
	case awsdata.Permissions:
		return "Permissions"
	case awsdata.Tagging:
		return "Tag"
	}
	return string(a.Level)
}

// resource is what a use is on, as the engine is asked; empty where it is not
// known. Policies must name an action without resource types with "*", whatever
// a log shows beside it.
func (c catalog) resource(u Use) string {
	a, ok := c.action(u.Action)
	switch {
	case ok && len(a.Resources) == 0:
		return "*"
	case ok && u.Resource == "*":
		return ""
	}
	return u.Resource
}

// maxOthers is how many resource types are named before all are.
const maxOthers = 3

// others says on which resource types an action is also checked, beside those
// of the resources that were named, with patterns for them. Only actions that
// need some type, and have several, are checked on more than one resource at a
// time. The patterns hold for the partitions and regions of the named ones.
func (c catalog) others(action string, named []string) (types, patterns []string) {
	a, ok := c.action(action)
	if !ok || len(a.Resources) < 2 || !slices.ContainsFunc(a.Resources, func(r awsdata.ActionResource) bool { return r.Required }) {
		return nil, nil
	}
	service, ok := c.data.Service(a.Service)
	if !ok {
		return nil, nil
	}
	var forms []string
	for _, r := range a.Resources {
		i := slices.IndexFunc(service.Resources, func(t awsdata.ResourceType) bool { return t.Name == r.Type })
		if i < 0 {
			continue
		}
		form := service.Resources[i].ARN
		plain := newPattern(form, true).plain
		if !slices.ContainsFunc(named, func(n string) bool { return awsiam.MatchResource(plain, n) }) {
			types, forms = append(types, r.Type), append(forms, form)
		}
	}
	for _, n := range named {
		parts := strings.SplitN(n, ":", 6)
		if len(parts) < 6 {
			continue
		}
		if len(forms) > maxOthers {
			patterns = append(patterns, strings.Join(parts[:4], ":")+":*")
			continue
		}
		for _, form := range forms {
			form = strings.NewReplacer("${Partition}", parts[1], "${Region}", parts[3]).Replace(form)
			patterns = append(patterns, newPattern(form, true).plain)
		}
	}
	slices.Sort(patterns)
	return types, slices.Compact(patterns)
}

// unseen are the known actions of a service that a log may not show.
func (c catalog) unseen(service string) []string {
	return c.expand(service, func(a string) bool { return isDataEvent(a) || companionOf(a) != nil })
}

func (c catalog) expand(service string, want func(string) bool) []string {
	var out []string
	if c.data != nil {
		if s, ok := c.data.Service(service); ok {
			for i := range s.Actions {
				if a := strings.ToLower(s.Actions[i].FullName()); want(a) {
					out = append(out, a)
				}
			}
		}
		return out
	}
	for _, name := range dataEvents[service] {
		if !strings.Contains(name, "*") {
			out = append(out, service+":"+name)
		}
	}
	for _, x := range companions {
		if strings.HasPrefix(x.action, service+":") && !strings.Contains(x.action, "*") {
			out = append(out, x.action)
		}
	}
	return out
}
