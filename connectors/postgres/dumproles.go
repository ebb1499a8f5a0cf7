package postgres

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func (d *dump) createRole(c *cursor) {
	name := c.ident()
	if name == "" {
		return
	}
	r := d.roles[name]
	if r == nil {
		r = &role{Name: name, Inherit: true, ConnLimit: -1, Login: c.i > 1 && c.tokens[c.i-2].text == "user"}
		d.roles[name] = r
	}
	d.roleOptions(c, r)
}

// roleOptions reads the options of CREATE ROLE and ALTER ROLE. Of a password it
// keeps by which method it is verified.
func (d *dump) roleOptions(c *cursor, r *role) {
	for !c.done() {
		t := c.peek()
		c.i++
		if t.kind != tokenWord {
			continue
		}
		word, on := t.text, true
		if w, ok := strings.CutPrefix(word, "no"); ok {
			word, on = w, false
		}
		switch word {
		case "superuser":
			r.Super = on
		case "inherit":
			r.Inherit = on
		case "createrole":
			r.CreateRole = on
		case "createdb":
			r.CreateDB = on
		case "login":
			r.Login = on
		case "replication":
			r.Replication = on
		case "bypassrls":
			r.BypassRLS = on
		case "connection":
			if c.take("limit") {
				if n, err := strconv.Atoi(c.value()); err == nil {
					r.ConnLimit = n
				}
			}
		case "valid":
			if c.take("until") {
				until := c.value()
				r.ValidUntil = &until
			}
		case "password":
			if !c.done() && c.peek().kind == tokenString {
				d.passwords[r.Name] = verifier(r.Name, c.value())
			}
		}
	}
}

// verifier says how a password is verified: by the forms that the manual gives
// for pg_authid.rolpassword. Anything else stands there in clear.
func verifier(role, text string) password {
	p := password{Role: role, Method: "plain"}
	switch {
	case strings.HasPrefix(text, "SCRAM-SHA-256$"):
		p.Method = "scram-sha-256"
		n, _, _ := strings.Cut(strings.TrimPrefix(text, "SCRAM-SHA-256$"), ":")
		if i, err := strconv.Atoi(n); err == nil && i > 0 && i < 1e9 {
			p.Iterations = i
		}
	case isMD5(text):
		p.Method = "md5"
	}
	return p
}

func isMD5(s string) bool {
	ok, _ := regexp.MatchString(`^md5[0-9a-f]{32}$`, s)
	return ok
}

func (d *dump) alterRole(c *cursor) {
	name := c.ident()
	r := d.roles[name]
	if r == nil {
		return
	}
	switch {
	case c.at("in", "database"), c.at("reset"), c.at("rename"):
	case c.take("set"):
		setting := c.ident()
		for c.take(".") {
			setting += "." + c.ident()
		}
		if setting != "" && !slices.Contains(r.Settings, setting) {
			r.Settings = append(r.Settings, setting)
			slices.Sort(r.Settings)
		}
		if setting == "role" && (c.take("to") || c.take("=")) {
			r.SettingRole = c.value()
		}
	default:
		c.take("with")
		d.roleOptions(c, r)
	}
}

// grantRole reads GRANT role TO member, and REVOKE likewise.
func (d *dump) grantRole(c *cursor, revoke bool) {
	adminOnly := revoke && c.take("admin", "option", "for")
	groups := c.names()
	if !c.take("to") && !c.take("from") {
		return
	}
	members := c.names()
	m := member{Grantor: d.session}
	for !c.done() {
		switch {
		case c.take("admin", "option"), c.take("admin", "true"):
			m.Admin = true
		case c.take("inherit"):
			m.Inherit = flag(c)
		case c.take("set"):
			m.Set = flag(c)
		case c.take("granted", "by"):
			m.Grantor = c.ident()
		default:
			c.i++
		}
	}
	// From version 16 a dump writes INHERIT always and SET where it is false.
	if m.Inherit != nil && m.Set == nil {
		yes := true
		m.Set = &yes
	}
	for _, g := range groups {
		for _, who := range members {
			m.Role, m.Member = g, who
			if !d.count() {
				return
			}
			d.addMember(m, revoke, adminOnly)
		}
	}
}

func (d *dump) addMember(m member, revoke, adminOnly bool) {
	k := memberKey{m.Role, m.Member, m.Grantor}
	if !revoke {
		d.members[k] = m
		return
	}
	old, ok := d.members[k]
	switch {
	case ok && adminOnly:
		old.Admin = false
		d.members[k] = old
	case ok:
		delete(d.members, k)
	}
}

func flag(c *cursor) *bool {
	v := c.take("true") || c.take("option")
	c.take("false")
	return &v
}
