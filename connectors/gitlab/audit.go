package gitlab

import (
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// audit reads an audit event. What streaming puts at the top stands in details
// where the API lists it, and the server's file has everything at the top.
func (r *record) audit() {
	id := r.ID("id", "audit_event_id")
	if id != "" {
		id = r.host + "/" + id // each server counts from one
	}
	entry.Name(&r.ev, id, r.raw)
	path := r.Text("entity_path", "details.entity_path", "meta.project", "meta.root_namespace")
	if strings.EqualFold(r.Text("entity_type"), "User") && r.Text("entity_path") == "" {
		path = ""
	}
	r.setRealm(path)
	r.ev.Operation = r.operation()
	r.ev.Origin.Address = entry.Address(r.Raw("ip_address", "details.ip_address", "meta.remote_ip"))
	r.ev.Origin.Agent = r.Text("user_agent", "details.user_agent")
	r.author()
	r.entity(path)
	if r.gitOperation() {
		return
	}
	switch op := r.ev.Operation; {
	case isSignIn(op):
		r.ev.Class = retinue.EventSignIn
		if strings.Contains(op, "fail") {
			r.ev.Outcome = retinue.OutcomeDenied
			r.ev.Reason = r.Text("details.failed_login", "failed_login")
		}
	case strings.HasSuffix(op, "_failed") || strings.Contains(op, "failed_to") || strings.Contains(op, "attempt_to"):
		r.ev.Outcome = retinue.OutcomeError
	default:
		r.touches(path)
	}
}

// operation is GitLab's name of the event. Older entries have none: then what
// they changed, or the words of their message as far as these name nothing.
func (r *record) operation() string {
	if op := r.Text("event_type", "event_name", "details.event_name"); op != "" {
		return op
	}
	if r.header != "" {
		return r.header
	}
	for _, verb := range []string{"change", "add", "remove"} {
		if what := words(r.Text(verb, "details."+verb)); what != "" {
			return verb + "_" + what
		}
	}
	if !r.Object.Object("details").Object("custom_message").Has("action") {
		if op := words(r.Text("details.custom_message", "custom_message", "detail.custom_message")); op != "" {
			return op
		}
	}
	switch {
	case r.Has("details.failed_login", "failed_login"):
		return "failed_login"
	case r.Has("details.with", "with"):
		return "authenticated_with_" + words(r.Text("details.with", "with"))
	case r.Has("details.custom_message.action"):
		return "repository_git_operation"
	}
	return ""
}

// maxWords is how many words of a message are taken for a name of the event.
const maxWords = 8

// words makes a name of a message's first words: what is no plain word may be a
// name or a value, and ends it.
func words(s string) string {
	var out []string
	for w := range strings.FieldsSeq(strings.ToLower(s)) {
		if len(out) == maxWords || strings.Trim(w, "abcdefghijklmnopqrstuvwxyz_") != "" {
			break
		}
		out = append(out, w)
	}
	return strings.Join(out, "_")
}

// author says who acted. GitLab has classes of author besides users, and numbers
// below zero for them.
func (r *record) author() {
	id, name := r.ID("author_id"), r.Text("author_name", "details.author_name")
	class := r.Text("author_class", "details.author_class")
	switch {
	case strings.Contains(class, "DeployTokenAuthor"), id == "-2":
		r.ev.Identity = r.ref("deploy_token", name)
	case strings.Contains(class, "DeployKeyAuthor"), id == "-3":
		r.ev.Identity = r.ref("deploy_key", name)
	case strings.Contains(class, "CiRunnerTokenAuthor"):
		r.ev.Identity = r.ref("runner", r.Text("details.runner_registration_token", "details.entity_path", "entity_path"))
	case strings.Contains(class, "Unauthenticated"), id == "-1":
	default:
		email := r.Text("details.author_email", "author_email", "meta.user")
		r.user(id, name, email)
		if isBot(r.Text("meta.user")) {
			r.ev.Person = false
		}
	}
	if by := r.Text("details.impersonated_by", "impersonated_by"); by != "" {
		r.ev.OnBehalfOf, r.ev.Identity = r.ev.Identity, r.ref("user", by)
	}
	if kind, id := tokenKind(r.Text("details.token_type", "meta.auth_token_type")), r.ID("details.token_id", "meta.auth_token_id"); kind != "" && id != "" {
		r.token(kind, id)
	}
}

// entity says what was acted on.
func (r *record) entity(path string) {
	id := r.ID("entity_id")
	switch strings.ToLower(r.Text("entity_type")) {
	case "project":
		r.ev.Resource = r.ref("project", orElse(path, id))
	case "group":
		r.ev.Resource = r.ref("group", orElse(path, id))
	case "user":
		if !strings.HasPrefix(id, "-") { // nobody who is known
			r.ev.Resource = r.ref("user", id)
		}
	case "gitlab::audit::instancescope", "instance":
		r.ev.Resource = r.ref("instance", r.host)
	}
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}

// gitOperation reads a clone, fetch or push, whose details say so in an object
// (also where a collector made text of it).
func (r *record) gitOperation() bool {
	message := r.Object.Object("details").Object("custom_message")
	if message == nil {
		if s := r.Raw("details.custom_message"); strings.HasPrefix(s, "{") {
			message, _ = entry.Parse([]byte(s)) // else it is a text like others
		}
	}
	if message == nil {
		return false
	}
	r.ev.Class = retinue.EventData
	r.ev.Operation = "repository_git_operation"
	r.ev.Action = gitPermission(message.Text("action"))
	return true
}

// gitPermission is the scope that a token needs for a service of git.
func gitPermission(service string) string {
	switch strings.ReplaceAll(service, "_", "-") {
	case "git-upload-pack":
		return "read_repository"
	case "git-receive-pack":
		return "write_repository"
	}
	return ""
}

func isSignIn(op string) bool {
	for _, w := range []string{"login", "authenticated_with", "sign_in", "signed_in", "user_impersonation", "two_factor_authentication_f"} {
		if strings.Contains(op, w) {
			return true
		}
	}
	return false
}
