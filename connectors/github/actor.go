package github

import (
	"encoding/base64"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// bot is what stands behind the slug of an app where it acts by itself.
const bot = "[bot]"

// access is the way in which a program proved who it is.
type access int

const (
	accessNone access = iota // in the browser, or not said
	accessPersonalToken
	accessOAuth
	accessAppForUser
	accessApp
	accessDeployKey
	accessSSHKey
)

// accessOf reads programmatic_access_type: GitHub's words, and those that
// collectors make of them.
func accessOf(s string) access {
	s = strings.NewReplacer("_", " ", "-", " ").Replace(strings.ToLower(s))
	switch {
	case s == "":
		return accessNone
	case strings.Contains(s, "deploy key"):
		return accessDeployKey
	case strings.Contains(s, "ssh key"), strings.Contains(s, "public key"):
		return accessSSHKey
	case strings.Contains(s, "personal access token"):
		return accessPersonalToken
	case strings.Contains(s, "user to server"), strings.Contains(s, "app user"):
		return accessAppForUser
	case strings.Contains(s, "server to server"), strings.Contains(s, "installation"), s == "github app":
		return accessApp
	case strings.Contains(s, "oauth"):
		return accessOAuth
	}
	return accessNone
}

func (a access) kind() retinue.CredentialKind {
	switch a {
	case accessPersonalToken:
		return retinue.CredentialPersonalAccessToken
	case accessOAuth, accessAppForUser:
		return retinue.CredentialOAuthToken
	case accessApp:
		return retinue.CredentialSessionToken
	case accessDeployKey, accessSSHKey:
		return retinue.CredentialSSHKey
	}
	return retinue.CredentialGenericSecret
}

// actor says who acted. A user is a person; a program that holds a person's grant
// acts for the person; apps, and deploy keys, which belong to a repository, are
// nobody.
func (r *record) actor() {
	name, how := r.Text("actor"), accessOf(r.Raw("programmatic_access_type"))
	flag, _ := r.Flag("actor_is_bot")
	slug, isBot := strings.CutSuffix(name, bot)
	var user retinue.Ref
	switch {
	case isBot, flag && how != accessPersonalToken:
		r.ev.Identity = r.ref("app", slug)
		return
	case how == accessDeployKey:
		r.ev.Identity = r.deployKey()
		return
	case how == accessApp && name != "" && r.Text("integration") != "":
		r.ev.Identity = r.ref("app", slugOf(r.Text("integration")))
		return
	case name != "":
		user = r.ref("user", name)
	}
	app := r.grantee(how)
	if !app.IsZero() {
		r.ev.Identity, r.ev.OnBehalfOf = app, user
	} else {
		r.ev.Identity = user
		r.ev.Person = !user.IsZero() && !flag
	}
	if id := r.Text("external_identity_nameid", "external_identity_username"); id != "" && !user.IsZero() {
		r.ev.Via = append(r.ev.Via, r.ref("external_identity", id))
	}
}

// grantee is the application that a user's grant let act.
func (r *record) grantee(how access) retinue.Ref {
	switch how {
	case accessOAuth:
		if name := r.Text("oauth_application_name", "oauth_application", "application_name"); name != "" {
			return r.ref("oauth_app", name)
		}
		return r.ref("oauth_app", r.ID("oauth_application_id"))
	case accessAppForUser:
		if name := r.Text("integration", "application_name", "oauth_application_name"); name != "" {
			return r.ref("app", slugOf(name))
		}
	}
	return retinue.Ref{}
}

func (r *record) deployKey() retinue.Ref {
	id := r.Text("deploy_key_title", "title", "deploy_key_id")
	if id == "" {
		id = r.ID("token_id", "key_id")
	}
	if id == "" || r.repo == "" {
		return retinue.Ref{}
	}
	return r.ref("deploy_key", r.repository()+"/"+id)
}

// credential says what the actor showed: GitHub's id of the token, and the
// fingerprints of its value by the hash of it.
func (r *record) credential() {
	how := accessOf(r.Raw("programmatic_access_type"))
	if how == accessNone && !r.Has("hashed_token") {
		return
	}
	id := r.ID("token_id")
	switch {
	case how == accessDeployKey && r.ev.Identity.Key != "":
		r.ev.Credential = r.ref("ssh_key", r.ev.Identity.Key)
	case id != "" && how != accessDeployKey:
		if owner := r.Text("actor"); owner != "" && how != accessApp {
			r.ev.Credential = r.ref("token", owner+"/"+id)
		}
		r.ev.Joins = append(r.ev.Joins, retinue.JoinKey{Kind: retinue.JoinProviderID, Value: r.providerID(how, id)})
	}
	sum, ok := parseHash(r.Raw("hashed_token"))
	switch {
	case !ok:
	case how == accessDeployKey || how == accessSSHKey:
		// The hash of a public key is no secret: it is the key's fingerprint as
		// OpenSSH writes it.
		if r.ev.Credential.IsZero() {
			r.ev.Credential = r.ref("ssh_key", "SHA256:"+base64.RawStdEncoding.EncodeToString(sum[:]))
		}
	case r.hashed != nil:
		r.ev.Fingerprints = r.hashed(how.kind(), sum)
	}
}

// providerID is by what a token is known to GitHub. Each way of access numbers its
// own, and so does each server.
func (r *record) providerID(how access, id string) string {
	vendor := "github-token"
	switch how {
	case accessOAuth, accessAppForUser:
		vendor = "github-oauth-token"
	case accessSSHKey:
		vendor = "github-ssh-key"
	}
	if r.host != publicHost {
		return vendor + ":" + r.host + "/" + id
	}
	return vendor + ":" + id
}

// slugOf is the name by which GitHub addresses an app that is called so.
func slugOf(name string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(entry.Text(name)) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}
