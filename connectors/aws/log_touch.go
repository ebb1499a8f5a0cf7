package aws

import (
	_ "embed"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/logs"
)

//go:embed log_touches.txt
var touchesFile string

// touchRule says what a call does to something that governance is about. The
// target is the thing acted on, or what the rule's own words say:
//
//	user, role, group  the one of IAM that the parameters name; without a name,
//	                   a user is the caller
//	key                the access key that the parameters or the answer name
//	password           the console password of the user
//	passed             the role that is handed over
//	status             the access key, disabled or enabled as the status says
//	decrypted          the thing acted on, where its value was decrypted
//	none               nothing that is named
type touchRule struct {
	kind   retinue.TouchKind
	target string
}

// touchRules are the calls that touch identities, credentials, secrets and
// controls, by action.
func touchRules() map[string][]touchRule {
	out := map[string][]touchRule{}
	for line := range strings.SplitSeq(strings.TrimSpace(touchesFile), "\n") {
		w := strings.Fields(line)
		prefix, names, _ := strings.Cut(w[0], ":")
		for name := range strings.SplitSeq(names, ",") {
			for target := range strings.SplitSeq(w[2], ",") {
				k := prefix + ":" + name
				out[k] = append(out[k], touchRule{kind: retinue.TouchKind(w[1]), target: target})
			}
		}
	}
	return out
}

// touches says what a call that succeeded did.
func (d *trailDecoder) touches(r *trailRecord, c *callInfo, ev *retinue.Event) []retinue.Touch {
	if len(c.touches) == 0 || ev.Outcome != retinue.OutcomeSuccess {
		return nil
	}
	out := make([]retinue.Touch, 0, len(c.touches))
	for _, rule := range c.touches {
		kind, target, ok := d.target(rule, r, ev)
		if ok {
			out = append(out, retinue.Touch{Kind: kind, Target: target})
		}
	}
	return out
}

// target finds what a rule is about. It reports false where the call did not do
// what the rule says.
func (d *trailDecoder) target(rule touchRule, r *trailRecord, ev *retinue.Event) (retinue.TouchKind, retinue.Ref, bool) {
	p := object(r.parameters)
	kind := rule.kind
	switch rule.target {
	case "resource":
		return kind, ev.Resource, true
	case "caller":
		return kind, ev.Identity, true
	case "user", "role", "group":
		return kind, d.principal(rule.target, p, object(r.answer), ev), true
	case "password":
		user := d.principal("user", p, object(r.answer), ev)
		if user.IsZero() {
			return kind, user, true
		}
		return kind, retinue.NewRef(user.Realm, "password", user.Key), true
	case "key", "status":
		id := p.Get("accessKeyId").Text()
		if id == "" {
			id = object(r.answer).Get("accessKey", "accessKeyId").Text()
		}
		if rule.target == "status" && strings.EqualFold(p.Get("status").Text(), "Active") {
			kind = retinue.TouchEnable
		}
		if !isKeyID(id) {
			return kind, retinue.Ref{}, rule.target == "status"
		}
		return kind, retinue.NewRef(ev.Realm, "access_key", id), true
	case "passed":
		if role := passesRole(r.parameters, 4); role != "" {
			ref, _ := principalRef(role)
			return kind, ref, true
		}
		return kind, ev.Resource, true
	case "decrypted":
		return kind, ev.Resource, p.Get("withDecryption").IsTrue()
	}
	return kind, retinue.Ref{}, true
}

// principal finds the user, role or group that a call of IAM names. The answer
// has its ARN with the path; a name alone stands for one without.
func (d *trailDecoder) principal(kind string, parameters, answer logs.Value, ev *retinue.Event) retinue.Ref {
	account := ev.Realm.ID()
	if ref, ok := principalRef(answer.Get(kind, "arn").Text()); ok {
		return ref
	}
	name := parameters.Get(kind + "Name").Text()
	if name == "" {
		if kind == "user" {
			return ev.Identity
		}
		return retinue.Ref{}
	}
	return refTo(kind, iamARN(partitionOf(ev.Region), account, kind+"/"+name), account)
}
