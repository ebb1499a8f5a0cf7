package ocsf

import (
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

func (r *record) ref(kind, key string) retinue.Ref { return entry.Ref(r.ev.Realm, kind, key) }

// actor says who acted. In Authentication the user is who signed in, and an actor
// beside is on whose word.
func (r *record) actor() {
	who := r.Object.Object("actor.user")
	if r.class == classAuthentication && r.Has("user") {
		who = r.Object.Object("user")
	}
	switch r.provider {
	case "aws":
		r.awsActor(who)
	case "gcp":
		r.gcpActor(who)
	case "azure":
		r.azureActor(who)
	default:
		r.anyActor(who)
	}
}

// userTypes are the kinds of ref for the schema's types of user.
func userKind(who entry.Object) string {
	switch id, _ := who.Int("type_id"); {
	case id == 4, strings.Contains(strings.ToLower(who.Text("type")), "service"):
		return "service_account"
	case id == 3:
		return "system"
	}
	return "user"
}

// isPerson reports what the schema calls a user or an administrator. It calls
// many programs so: only with a mail address is it taken at its word.
func isPerson(who entry.Object) bool {
	id, _ := who.Int("type_id")
	return (id == 1 || id == 2) && strings.Contains(who.Text("email_addr"), "@")
}

func (r *record) anyActor(who entry.Object) {
	if key := who.ID("uid", "email_addr", "name"); key != "" {
		r.ev.Identity = r.ref(userKind(who), key)
		r.ev.Person = isPerson(who)
		return
	}
	if id := r.ID("service.uid", "actor.app_uid", "actor.process.uid"); id != "" {
		r.ev.Identity = r.ref("app", id)
	}
}

// awsActor names roles and users by ARN, as the connector of AWS does. Which field
// of a user holds the ARN differs between versions of the schema.
func (r *record) awsActor(who entry.Object) {
	arn := ""
	for _, f := range []string{"uid", "uuid", "uid_alt"} {
		if s := who.Text(f); strings.HasPrefix(s, "arn:") {
			arn = s
			break
		}
	}
	issuer := r.Text("actor.session.issuer")
	switch {
	case strings.HasPrefix(issuer, "arn:") && strings.Contains(issuer, ":role/"):
		r.ev.Identity = awsRef("role", issuer)
	case strings.Contains(arn, ":role/"):
		r.ev.Identity = awsRef("role", arn)
	case strings.Contains(arn, ":user/"):
		r.ev.Identity = awsRef("user", arn)
	case strings.HasSuffix(arn, ":root"):
		r.ev.Identity = awsRef("root", arn)
	}
	r.ev.Person = who.Text("type") == "IdentityCenterUser"
}

// awsRef names what an ARN names, in the realm of the account in it.
func awsRef(kind, arn string) retinue.Ref {
	p := strings.SplitN(arn, ":", 6)
	if len(p) != 6 {
		return retinue.Ref{}
	}
	return entry.Ref(entry.Realm("aws", p[4]), kind, arn)
}

// gcpActor names service accounts and users by mail address. A service account is
// of the project that its address names.
func (r *record) gcpActor(who entry.Object) {
	email := strings.ToLower(who.Text("email_addr", "name", "uid"))
	local, domain, ok := strings.Cut(email, "@")
	switch {
	case !ok || local == "":
	case strings.HasSuffix(domain, ".iam.gserviceaccount.com"):
		r.ev.Identity = entry.Ref(entry.Realm("gcp", strings.TrimSuffix(domain, ".iam.gserviceaccount.com")), "service_account", email)
	case strings.HasSuffix(domain, "gserviceaccount.com"):
		r.ev.Identity = r.ref("service_account", email)
	default:
		r.ev.Identity = entry.Ref(entry.Realm("google", domain), "user", email)
		r.ev.Person = true
	}
}

// azureActor names users and service principals by the id of their object.
func (r *record) azureActor(who entry.Object) {
	id := strings.ToLower(who.ID("uid"))
	kind := userKind(who)
	if kind == "service_account" {
		kind = "service_principal"
	}
	r.ev.Identity = r.ref(kind, id)
	r.ev.Person = kind == "user" && isPerson(who)
}

// credential says what was shown, by the provider's own id of it.
func (r *record) credential() {
	id := r.ID("actor.user.credential_uid", "actor.session.credential_uid", "user.credential_uid")
	if id == "" {
		return
	}
	if r.provider == "aws" {
		if strings.HasPrefix(id, "AKIA") {
			realm := r.ev.Realm
			if !r.ev.Identity.IsZero() {
				realm = r.ev.Identity.Realm
			}
			r.ev.Credential = entry.Ref(realm, "access_key", id)
		}
		r.ev.Joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "aws:" + id}}
		return
	}
	r.ev.Credential = r.ref("credential", id)
}

// resource is the first thing that a call was about.
func (r *record) resource() {
	list := r.Objects("resources")
	if len(list) == 0 {
		return
	}
	res := list[0]
	key := res.ID("uid", "name")
	kind := snake(res.Text("type"))
	if r.provider == "aws" && strings.HasPrefix(key, "arn:") {
		kind = "resource"
		if p := strings.SplitN(key, ":", 6); len(p) == 6 && len(p[4]) == 12 {
			r.ev.Resource = entry.Ref(entry.Realm("aws", p[4]), kind, key)
			return
		}
	}
	if kind == "" {
		kind = "resource"
	}
	r.ev.Resource = r.ref(kind, key)
}

// snake makes lower_snake_case of a type's name.
func snake(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c >= 'A' && c <= 'Z':
			if b.Len() > 0 && !strings.HasSuffix(b.String(), "_") {
				b.WriteByte('_')
			}
			b.WriteRune(c - 'A' + 'a')
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9' && b.Len() > 0:
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "_"):
			b.WriteByte('_')
		}
	}
	return strings.Trim(b.String(), "_")
}

// accountChange says what was done to the account that the event is about (OCSF,
// "Account Change": activity_id).
func (r *record) accountChange() {
	user := r.Object.Object("user")
	target := r.ref(userKind(user), user.ID("uid", "name"))
	for _, f := range []string{"uid", "uuid", "uid_alt"} {
		if arn := user.Text(f); r.provider == "aws" && strings.HasPrefix(arn, "arn:") && strings.Contains(arn, ":user/") {
			target = awsRef("user", arn)
		}
	}
	var kind retinue.TouchKind
	switch id, _ := r.Int("activity_id"); id {
	case 1:
		kind = retinue.TouchCreate
	case 2:
		kind = retinue.TouchEnable
	case 3, 4: // password change, password reset
		kind = retinue.TouchRotate
	case 5, 9: // disable, lock
		kind = retinue.TouchDisable
	case 6:
		kind = retinue.TouchDelete
	case 7, 8, 10, 11: // attach policy, detach policy, MFA factor enable, disable
		kind = retinue.TouchEdit
	case 12: // unlock
		kind = retinue.TouchEnable
	default:
		return
	}
	r.ev.Touches = append(r.ev.Touches, retinue.Touch{Kind: kind, Target: target})
}
