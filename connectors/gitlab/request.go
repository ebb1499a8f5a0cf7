package gitlab

import (
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// request reads a request that the server answered. Entries have no id of their
// own: a correlation id is shared by all that one request led to.
func (r *record) request() {
	entry.Name(&r.ev, "", r.raw)
	project := r.Text("meta.project")
	r.setRealm(orElse(project, r.Text("meta.root_namespace")))
	r.ev.Class = retinue.EventData
	r.ev.Origin.Address = entry.Address(r.Raw("remote_ip", "meta.remote_ip"))
	r.ev.Origin.Agent = r.Text("ua", "user_agent")
	name := r.Text("username", "meta.user")
	r.user(r.ID("user_id", "meta.user_id"), name, "")
	r.requestToken()
	r.requestResource(project)
	r.status()
	method := r.Text("method")
	if r.ev.Log == logAPI {
		r.ev.Operation = strings.TrimSpace(method + " " + r.Text("route"))
		r.ev.Action = apiPermission(method)
		if strings.Contains(r.ev.Operation, "/internal/") {
			r.ev.Action = ""
		}
		return
	}
	controller, action := r.Text("controller"), r.Text("action")
	r.ev.Operation = strings.Trim(controller+"#"+action, "#")
	r.ev.Origin.Interactive = r.Text("format") == "html" && !r.ev.Identity.IsZero() && !r.Has("token_type", "token_id")
	switch {
	case strings.HasSuffix(controller, "GitHttpController"):
		r.ev.Action = gitPermission(action)
	case strings.HasSuffix(controller, "SessionsController") && (action == "create" || action == "new"), strings.HasSuffix(controller, "OmniauthCallbacksController"):
		r.ev.Class = retinue.EventSignIn
	case action == "create" || action == "update" || action == "destroy":
		r.ev.Class = retinue.EventManagement
	}
}

// apiPermission is the scope of a token that a call needs at least ("Personal
// access token scopes").
func apiPermission(method string) string {
	switch method {
	case "GET", "HEAD", "OPTIONS":
		return "read_api"
	case "":
		return ""
	}
	return "api"
}

// status reads how the request ended. Not found is what GitLab also answers to
// who may not know that a thing exists: it is an error all the same, as the token
// itself worked.
func (r *record) status() {
	code, ok := r.Int("status")
	switch {
	case !ok:
		r.ev.Outcome = retinue.OutcomeUnknown
		return
	case code == 401 || code == 403:
		r.ev.Outcome = retinue.OutcomeDenied
	case code >= 400:
		r.ev.Outcome = retinue.OutcomeError
	default:
		return
	}
	r.ev.Reason = r.Text("exception.class", "status")
}

func (r *record) requestToken() {
	kind, id := tokenKind(r.Text("token_type", "meta.auth_token_type")), r.ID("token_id", "meta.auth_token_id")
	if kind != "" && id != "" {
		r.token(kind, id)
	}
	if kind == "deploy_token" {
		r.ev.Identity, r.ev.Person = r.ev.Credential, false
	}
	r.ev.Origin.Run = r.ID("meta.pipeline_id", "meta.job_id")
	if kind == "ci_job_token" {
		r.ev.Person = false
		r.ev.OnBehalfOf, r.ev.Identity = r.ev.Identity, retinue.Ref{}
	}
}

// tokenKind is the kind of a token's ref for GitLab's class of it.
func tokenKind(class string) string {
	switch class {
	case "PersonalAccessToken":
		return "personal_access_token"
	case "OauthAccessToken", "Doorkeeper::AccessToken", "Authn::OauthAccessToken":
		return "oauth_token"
	case "DeployToken":
		return "deploy_token"
	case "CiJobToken", "Ci::Build", "Ci::JobToken":
		return "ci_job_token"
	case "Clusters::AgentToken":
		return "agent_token"
	}
	return ""
}

// token says which token was shown, and by what GitLab knows it.
func (r *record) token(kind, id string) {
	r.ev.Credential = r.ref(kind, id)
	vendor := "gitlab-" + strings.ReplaceAll(kind, "_", "-")
	r.ev.Joins = append(r.ev.Joins, retinue.JoinKey{Kind: retinue.JoinProviderID, Value: vendor + ":" + r.host + "/" + id})
}

func (r *record) requestResource(project string) {
	switch {
	case project != "":
		r.ev.Resource = r.ref("project", project)
	case r.Has("meta.root_namespace"):
		r.ev.Resource = r.ref("group", r.Text("meta.root_namespace"))
	}
}
