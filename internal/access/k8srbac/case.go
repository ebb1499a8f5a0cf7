package k8srbac

import (
	"encoding/json"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Case is one line of a file of questions for `retinue access check`.
type Case struct {
	Who  Who
	Asks Attributes
}

// ParseCase reads a question: {user, groups, verb, apiGroup, resource,
// subresource, name, namespace}, or {user, groups, verb, path} (also
// nonResourceURL). Fields that it does not know, such as the expected answer,
// are left alone. Errors wrap retinue.ErrInvalid.
func ParseCase(line []byte) (Case, error) {
	var in struct {
		User   *string  `json:"user"`
		Groups []string `json:"groups"`
		Attributes
		Verb           *string `json:"verb"`
		Path           *string `json:"path"`
		NonResourceURL *string `json:"nonResourceURL"`
	}
	bad := func(why string) (Case, error) {
		return Case{}, fmt.Errorf("%w: question: %s", retinue.ErrInvalid, retinue.CleanName(why))
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return bad(err.Error())
	}
	if in.Path == nil {
		in.Path = in.NonResourceURL
	}
	switch {
	case in.User == nil && len(in.Groups) == 0:
		return bad("neither user nor groups are named")
	case in.Verb == nil:
		return bad("no verb is named")
	case in.Path == nil && in.Resource == "":
		return bad("neither a resource nor a path is named")
	case in.Path != nil && (in.Resource != "" || *in.Path == ""):
		return bad("want either a resource or a path that is not empty")
	}
	c := Case{Who: Who{Groups: in.Groups}, Asks: in.Attributes}
	if in.User != nil {
		c.Who.User = *in.User
	}
	c.Asks.Verb, c.Asks.Path = *in.Verb, ""
	if in.Path != nil {
		c.Asks.Path = *in.Path
	}
	c.clean()
	return c, nil
}

// clean spells names as the inventory does, which keeps no control characters.
func (c *Case) clean() {
	for _, s := range []*string{&c.Who.User, &c.Asks.Namespace} {
		*s = retinue.CleanName(*s)
	}
	for i := range c.Who.Groups {
		c.Who.Groups[i] = retinue.CleanName(c.Who.Groups[i])
	}
}

// Decide answers the question.
func (c *Case) Decide(x *Index) access.Decision { return x.Decide(c.Who, &c.Asks) }
