package bench

import (
	"path"
	"slices"
	"strings"
)

// postgres writes the dumps of a server: roles, and the schema of each database.
func (x *exporter) postgres() error {
	head := []string{"-- retinue system-identifier " + x.s.id, "-- retinue server-version 18.1", "-- retinue observed-at " + stamp(x.e.to)}
	roles := append(slices.Clone(head), "--", "-- PostgreSQL database cluster dump", "--", "",
		"CREATE ROLE postgres;", "ALTER ROLE postgres WITH SUPERUSER INHERIT CREATEROLE CREATEDB LOGIN REPLICATION BYPASSRLS;")
	databases := map[string][]*identity{}
	for _, id := range x.listed() {
		login := "LOGIN"
		if !id.retired.IsZero() {
			login = "NOLOGIN"
		}
		name := quoted(id.Name)
		roles = append(roles, "CREATE ROLE "+name+";", "ALTER ROLE "+name+" WITH NOSUPERUSER INHERIT NOCREATEROLE NOCREATEDB "+login+" NOREPLICATION NOBYPASSRLS;")
		if owner := id.signal(); owner != "" {
			roles = append(roles, "COMMENT ON ROLE "+name+" IS 'owner: "+owner+"';")
		}
		databases[database(id)] = append(databases[database(id)], id)
	}
	roles = append(roles, "", "--", "-- PostgreSQL database cluster dump complete", "--")
	if err := x.text("globals.sql", roles...); err != nil {
		return err
	}
	for _, db := range sortedKeys(databases) {
		if err := x.schema(db, head, databases[db]); err != nil {
			return err
		}
	}
	x.scan(map[string]string{"system-identifier": x.s.id})
	settings := path.Join("logs", x.s.folder+"-settings.json")
	x.activity(path.Join("logs", x.s.folder), map[string]string{optionSettings: settings})
	return x.e.writeJSON(settings, map[string]string{"system_identifier": x.s.id, "log_connections": "on", "log_disconnections": "off",
		"log_destination": "csvlog", "log_timezone": "UTC", "log_statement": "none", "log_min_messages": "warning", "logging_collector": "on", "lc_messages": "C",
		"pgaudit.log": "read, write, function, role, ddl", "pgaudit.log_parameter": "off", "server_version_num": "180001"})
}

// schema writes the dump of one database: its tables and who may do what with
// them.
func (x *exporter) schema(db string, head []string, ids []*identity) error {
	lines := append(slices.Clone(head), "-- retinue database "+db, "--", "-- PostgreSQL database dump", "--", "-- Dumped from database version 18.1", "")
	tables := []string{"public." + db + "_items", "public." + db + "_audit", "public.customers"}
	for _, t := range tables {
		lines = append(lines, "CREATE TABLE "+t+" (id bigint);", "ALTER TABLE "+t+" OWNER TO postgres;")
	}
	for _, id := range ids {
		for _, a := range id.granted() {
			table := a.on(id.app.id, x.s.id)
			if slices.Contains(tables, table) && a.operation != "GRANT ROLE" {
				lines = append(lines, "GRANT "+a.operation+" ON TABLE "+table+" TO "+quoted(id.Name)+";")
			}
		}
	}
	lines = append(lines, "", "--", "-- PostgreSQL database dump complete", "--")
	return x.text(db+".sql", lines...)
}

// quoted is a name as dumps write it.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// host writes the files of a machine that say who can log in.
func (x *exporter) host() error {
	passwd := []string{"root:x:0:0:root:/root:/bin/bash", "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin"}
	group := []string{"root:x:0:"}
	shadow := []string{"root:*:20000:0:99999:7:::", "nobody:*:20000:0:99999:7:::"}
	for _, id := range x.listed() {
		uid := itoa(id.osUID())
		passwd = append(passwd, id.Name+":x:"+uid+":"+uid+"::/home/"+id.Name+":/bin/sh")
		group = append(group, id.Name+":x:"+uid+":")
		shadow = append(shadow, id.Name+":!:20000:0:99999:7:::") // no password
		key, _ := id.sshKey(x.e.opts.Seed)
		if err := x.text(path.Join("home", id.Name, ".ssh", "authorized_keys"), strings.TrimSpace(key+" "+id.signal())); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name  string
		lines []string
	}{{"etc/hostname", []string{x.s.name}}, {"etc/passwd", passwd}, {"etc/group", group}, {"etc/shadow", shadow}, {"etc/login.defs", []string{"UID_MIN 1000", "UID_MAX 60000"}},
		{"etc/os-release", []string{"ID=debian", `VERSION_ID="13"`, `PRETTY_NAME="Debian GNU/Linux 13"`}}, {"etc/ssh/sshd_config", []string{"PasswordAuthentication yes"}}} {
		if err := x.text(f.name, f.lines...); err != nil {
			return err
		}
	}
	x.scan(map[string]string{"id": x.s.id})
	x.activity(path.Join("logs", x.s.folder), map[string]string{"id": x.s.id})
	return nil
}

// repositories writes the workflows of pipelines that assume roles, and who
// answers for them.
func (x *exporter) repositories() error {
	jobs := map[string][]*identity{}
	for _, id := range x.e.ids {
		if id.sys.kind != kindAWS || id.user || !id.Listed {
			continue
		}
		if slices.ContainsFunc(id.live, func(c *consumer) bool { return c.Kind == consumerPipeline }) {
			jobs[id.app.id] = append(jobs[id.app.id], id)
		}
	}
	for _, app := range sortedKeys(jobs) {
		dir := path.Join("sources", "repo", app)
		lines := []string{"name: deliver", "on: [push]", "permissions:", "  id-token: write", "jobs:"}
		for _, id := range jobs[app] {
			lines = append(lines, "  job-"+itoa(id.n)+":", "    runs-on: ubuntu-latest", "    steps:", "    - uses: aws-actions/configure-aws-credentials@v5",
				"      with:", "        role-to-assume: "+id.Ref.Key, "        aws-region: "+region)
		}
		team := x.e.teams[jobs[app][0].app.team]
		if err := x.e.writeText(path.Join(dir, ".github", "workflows", "deliver.yml"), strings.Join(lines, "\n")+"\n"); err != nil {
			return err
		}
		if err := x.e.writeText(path.Join(dir, "CODEOWNERS"), "* @"+domainOrg+"/"+team.id+"\n"); err != nil {
			return err
		}
		x.m.Scans = append(x.m.Scans, Source{Kind: "repo", Name: app, Target: dir})
	}
	x.activity(path.Join("logs", x.s.folder), nil)
	return nil
}
