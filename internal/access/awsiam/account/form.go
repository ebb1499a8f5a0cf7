package account

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/retinue-id/retinue/internal/access/awsdata"
)

// forms keeps the forms of the resources that actions are for, a service at a
// time. It may be used from several goroutines.
type forms struct {
	data *awsdata.Data
	of   sync.Map // of a service: map[string][]string by action in lower case
}

// form lists the forms of the resources of an action, with a star for what is
// not fixed but partition and account: first the type that the action's name
// speaks of, then the required ones.
func (f *forms) form(action string) []string {
	prefix, name, _ := strings.Cut(strings.ToLower(action), ":")
	known, ok := f.of.Load(prefix)
	if !ok {
		s, found := f.data.Service(prefix)
		if !found {
			return nil // and not kept: there is no end of names
		}
		known, _ = f.of.LoadOrStore(prefix, formsOf(s))
	}
	list, _ := known.(map[string][]string)
	return list[name]
}

func formsOf(s *awsdata.Service) map[string][]string {
	types := make(map[string]string, len(s.Resources))
	for _, t := range s.Resources {
		types[t.Name] = starred(t.ARN)
	}
	out := make(map[string][]string, len(s.Actions))
	for i := range s.Actions {
		a := &s.Actions[i]
		name := strings.ToLower(a.Name)
		sorted := slices.Clone(a.Resources)
		slices.SortStableFunc(sorted, func(x, y awsdata.ActionResource) int { return cmp.Compare(relevance(name, x), relevance(name, y)) })
		for _, r := range sorted {
			if form := types[r.Type]; form != "" {
				out[name] = append(out[name], form)
			}
		}
	}
	return out
}

// relevance orders the resource types of an action, whose name is in lower
// case.
func relevance(action string, r awsdata.ActionResource) int {
	switch {
	case strings.Contains(action, strings.ReplaceAll(strings.ToLower(r.Type), "-", "")):
		return 0
	case r.Required:
		return 1
	}
	return 2
}

// The variables of forms that are known of a principal.
const (
	formPartition = "${Partition}"
	formAccount   = "${Account}"
)

// starred puts a star for the variables of a form that stand for names.
func starred(form string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(form, "${")
		b.WriteString(before)
		name, after, closed := strings.Cut(rest, "}")
		if !ok || !closed {
			return b.String()
		}
		if v := "${" + name + "}"; v == formPartition || v == formAccount {
			b.WriteString(v)
		} else {
			b.WriteByte('*')
		}
		form = after
	}
}

// templates are the forms of the resources that an action is for, in the
// principal's account, with a star for what is not fixed.
func (a *asker) templates(action string) []string {
	list := a.forms.form(action)
	out := make([]string, len(list))
	for i, form := range list {
		t, ok := a.filled[form]
		if !ok {
			t = strings.ReplaceAll(strings.ReplaceAll(form, formPartition, partition(a.p.ref.Key)), formAccount, a.p.account.id)
			a.filled[form] = t
		}
		out[i] = t
	}
	return out
}

// partition is the partition of an ARN.
func partition(arn string) string {
	if parts := strings.SplitN(arn, ":", 3); len(parts) == 3 {
		return parts[1]
	}
	return "aws"
}
