package postgres

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// roleDoc is the policy document of a role's attributes.
type roleDoc struct {
	Kind            string   `json:"kind"` // "role"
	Name            string   `json:"name"`
	Superuser       bool     `json:"superuser"`
	Inherit         bool     `json:"inherit"`
	CreateRole      bool     `json:"createRole"`
	CreateDB        bool     `json:"createDb"`
	Login           bool     `json:"login"`
	Replication     bool     `json:"replication"`
	BypassRLS       bool     `json:"bypassRls"`
	ConnectionLimit int      `json:"connectionLimit"` // -1: none
	ValidUntil      string   `json:"validUntil,omitempty"`
	Settings        []string `json:"settings,omitempty"`
	// SetsRole is the role that the setting "role" makes current at login.
	SetsRole string `json:"setsRole,omitempty"`
}

func (w *writer) server(h header) error {
	version := h.ServerVersion
	if version == "" && h.Version > 0 {
		version = fmt.Sprint(h.Version)
	}
	if version == "" {
		return nil
	}
	return w.emit(w.scope("server"), retinue.Container{Ref: w.serverRef(), Name: "PostgreSQL " + w.realm.ID(),
		Kind: retinue.ContainerServer, Attrs: retinue.Attrs{"version": retinue.CleanName(version), "major": w.version}})
}

func (w *writer) serverRef() retinue.Ref { return w.ref("server", w.realm.ID()) }

// named refuses rows that name no role, which no server has.
func named(section string, names ...string) error {
	if slices.Contains(names, "") {
		return fmt.Errorf("%w: section %s: a row without a role's name", retinue.ErrInvalid, section)
	}
	return nil
}

func (w *writer) role(r role) error {
	if err := named("roles", r.Name); err != nil {
		return err
	}
	until := validUntil(r.ValidUntil)
	class, reason := classify(r)
	id := retinue.Identity{Ref: w.roleRef(r.Name), Name: retinue.CleanName(r.Name), Kind: identityKind(r), Subtype: "role",
		Class: class, ClassReason: retinue.CleanName(reason), State: retinue.StateActive, Container: w.serverRef(),
		Description: retinue.CleanName(r.Comment),
		Attrs: retinue.Attrs{"login": r.Login, "superuser": r.Super, "inherit": r.Inherit, "create_role": r.CreateRole,
			"create_db": r.CreateDB, "replication": r.Replication, "bypass_rls": r.BypassRLS}}
	if predefined(r.Name) || bootstrap(r) {
		id.Managed = retinue.ManagedByProvider
	}
	if r.ConnLimit >= 0 {
		id.Attrs["connection_limit"] = r.ConnLimit
	}
	if until != "" {
		id.Attrs["valid_until"] = until
	}
	doc := roleDoc{Kind: "role", Name: r.Name, Superuser: r.Super, Inherit: r.Inherit, CreateRole: r.CreateRole,
		CreateDB: r.CreateDB, Login: r.Login, Replication: r.Replication, BypassRLS: r.BypassRLS,
		ConnectionLimit: r.ConnLimit, ValidUntil: until, Settings: cleanAll(r.Settings), SetsRole: r.SettingRole}
	scope := w.rolesScope(r.Name)
	if err := w.emit(scope, id); err != nil {
		return err
	}
	return w.attach(scope, retinue.Policy{Ref: w.ref("role_attributes", r.Name), Name: "attributes of role " + id.Name,
		Language: retinue.LanguagePostgreSQL, Document: document(doc), Container: w.serverRef(), Managed: id.Managed},
		id.Ref, retinue.AttachIdentity)
}

// validUntil writes VALID UNTIL in one form: RFC 3339 in UTC, "infinity", or ""
// where there is none. It limits the password only, not the role.
func validUntil(s *string) string {
	if s == nil || *s == "" {
		return ""
	}
	if strings.EqualFold(*s, "infinity") {
		return "infinity"
	}
	t := parseTime(*s)
	if t.IsZero() {
		return retinue.CleanName(*s)
	}
	return t.Format(time.RFC3339Nano)
}

func (w *writer) member(m member) error {
	if err := named("auth_members", m.Role, m.Member); err != nil {
		return err
	}
	f := retinue.Membership{Group: w.roleRef(m.Role), Member: w.roleRef(m.Member), Grantor: w.roleRef(m.Grantor),
		Options: retinue.Attrs{"admin": m.Admin}}
	if m.Inherit != nil {
		f.Options["inherit"] = *m.Inherit
	}
	if m.Set != nil {
		f.Options["set"] = *m.Set
	}
	return w.emit(w.membersScope(m), f)
}

func (w *writer) password(p password) error {
	if err := named("passwords", p.Role); err != nil {
		return err
	}
	c := retinue.Credential{Ref: w.ref("password", p.Role), Name: "password of role " + retinue.CleanName(p.Role),
		Kind: retinue.CredentialPassword, Subtype: p.Method, Identity: w.roleRef(p.Role), State: retinue.CredentialActive,
		Attrs: retinue.Attrs{"method": p.Method}}
	if p.Iterations > 0 {
		c.Attrs["iterations"] = p.Iterations
	}
	switch until := validUntil(p.ValidUntil); until {
	case "", "infinity":
		c.NeverExpires = true
	default:
		if c.ExpiresAt = parseTime(*p.ValidUntil); !c.ExpiresAt.IsZero() && c.ExpiresAt.Before(w.observed) {
			c.State = retinue.CredentialExpired
		}
	}
	return w.emit(w.scope("passwords"), c)
}

func (w *writer) session(s session) error {
	if err := named("sessions", s.Role); err != nil {
		return err
	}
	u := retinue.Use{Subject: w.roleRef(s.Role), Meaning: "connected", At: w.observed, Action: "connect",
		Resource: retinue.CleanName(s.Database), Outcome: "success", Grade: retinue.GradeC,
		Consumer: consumer(s), Attrs: retinue.Attrs{"connections": s.Count}}
	if s.LastActive != nil {
		if t := parseTime(*s.LastActive); !t.IsZero() {
			u.At = t
		}
	}
	return w.emit(w.scope("connections"), u)
}

// consumer names the client of a connection: its address ("local" for a Unix
// socket is not told apart from an address that may not be seen) and program.
func consumer(s session) string {
	parts := []string{}
	for _, p := range []string{s.Client, s.Application} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return retinue.CleanName(strings.Join(parts, " "))
}

// hostRuleDoc is the policy document of pg_hba.conf.
type hostRuleDoc struct {
	Kind  string     `json:"kind"` // "pg_hba"
	Rules []hostRule `json:"rules"`
}

func (w *writer) hostRules(rules []hostRule) error {
	p := retinue.Policy{Ref: w.ref("pg_hba", w.realm.ID()), Name: "pg_hba.conf", Language: retinue.LanguageOther,
		Document: document(hostRuleDoc{"pg_hba", rules}), Container: w.serverRef()}
	return w.attach(w.scope("authentication"), p, w.serverRef(), retinue.AttachEndpoint)
}
