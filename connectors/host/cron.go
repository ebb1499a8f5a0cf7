package host

import (
	"fmt"
	"path"
	"strings"

	"github.com/retinue-id/retinue"
)

// maxJobs bounds the jobs of one table.
const maxJobs = 2000

// cronJob is a line of crontab(5).
type cronJob struct {
	line     int
	schedule string
	user     string // empty in a user's own table
	command  string
}

// parseCrontab reads a table; system tables have a user column. Lines that are
// neither job, assignment nor comment are returned as bad.
func parseCrontab(data []byte, system bool) (jobs []cronJob, vars []envVar, bad []int) {
	n := 0
	for raw := range strings.Lines(string(data)) {
		n++
		line := strings.TrimSpace(raw)
		if line == "" || line[0] == '#' {
			continue
		}
		if name, value, ok := strings.Cut(line, "="); ok && isVariable(strings.Trim(strings.TrimSpace(name), `"'`)) {
			vars = append(vars, envVar{name: strings.Trim(strings.TrimSpace(name), `"'`), value: unquote(strings.TrimSpace(value)), line: n})
			continue
		}
		if job, ok := parseCronLine(line, system); ok && len(jobs) < maxJobs {
			job.line = n
			jobs = append(jobs, job)
			continue
		}
		bad = append(bad, n)
	}
	return jobs, vars, bad
}

func parseCronLine(line string, system bool) (cronJob, bool) {
	fields := 5
	if line[0] == '@' {
		fields = 1
	}
	var j cronJob
	rest := line
	var parts []string
	take := fields
	if system {
		take++
	}
	for range take {
		word, after, _ := cutBlank(rest)
		if word == "" {
			return j, false
		}
		parts = append(parts, word)
		rest = after
	}
	j.schedule = strings.Join(parts[:fields], " ")
	if !isSchedule(parts[:fields]) {
		return j, false
	}
	if system {
		j.user = parts[fields]
	}
	j.command = rest
	return j, rest != ""
}

func isSchedule(fields []string) bool {
	for _, f := range fields {
		if f[0] != '@' && strings.Trim(f, "0123456789*/,-~abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ#?") != "" {
			return false
		}
	}
	return true
}

func cutBlank(s string) (word, rest string, ok bool) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, "", s != ""
	}
	return s[:i], strings.TrimLeft(s[i:], " \t"), true
}

// runCron states the jobs of the system's own tables and script folders.
func (m *machine) runCron(a *area) {
	tables := []string{"/etc/crontab", "/etc/anacrontab"}
	for _, e := range a.list("/etc/cron.d") {
		if strings.Trim(e.Name(), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == "" { // cron's own rule
			tables = append(tables, path.Join("/etc/cron.d", e.Name()))
		}
	}
	for _, p := range tables {
		f, ok := a.read(p)
		if !ok {
			continue
		}
		if path.Base(p) == "anacrontab" {
			m.cronFacts(a, f, "root", parseAnacrontab(f.data), nil)
			continue
		}
		jobs, vars, bad := parseCrontab(f.data, true)
		for _, line := range bad {
			a.malformed(p, line, "the line is no crontab entry")
		}
		m.cronFacts(a, f, "", jobs, vars)
	}
	for _, every := range []string{"hourly", "daily", "weekly", "monthly", "yearly"} {
		dir := "/etc/cron." + every
		for _, e := range a.list(dir) {
			info, err := m.tree.stat(path.Join(dir, e.Name()))
			if err == nil && info.Mode().IsRegular() && (!ownership || info.Mode().Perm()&0o111 != 0) {
				m.cronScript(a, path.Join(dir, e.Name()), every)
			}
		}
	}
}

// runUserCron states the jobs of users' own tables.
func (m *machine) runUserCron(a *area) {
	for _, dir := range []string{"/var/spool/cron/crontabs", "/var/spool/cron", "/var/spool/cron/tabs"} {
		for _, e := range a.list(dir) {
			if e.IsDir() || strings.HasPrefix(e.Name(), ".") || strings.HasPrefix(e.Name(), "tmp.") {
				continue
			}
			if f, ok := a.read(path.Join(dir, e.Name())); ok {
				jobs, vars, bad := parseCrontab(f.data, false)
				for _, line := range bad {
					a.malformed(f.path, line, "the line is no crontab entry")
				}
				m.cronFacts(a, f, e.Name(), jobs, vars)
			}
		}
	}
}

// parseAnacrontab reads "period delay name command" lines.
func parseAnacrontab(data []byte) []cronJob {
	var out []cronJob
	n := 0
	for raw := range strings.Lines(string(data)) {
		n++
		f := strings.Fields(raw)
		if len(f) < 4 || strings.Contains(f[0], "=") || strings.HasPrefix(f[0], "#") || len(out) == maxJobs {
			continue
		}
		out = append(out, cronJob{line: n, schedule: "every " + f[0] + " days", command: strings.Join(f[3:], " ")})
	}
	return out
}

func (m *machine) cronFacts(a *area, f file, user string, jobs []cronJob, vars []envVar) {
	times := map[string]int{}
	for _, j := range jobs {
		as := orElse(j.user, user)
		// The line moves and the command may hold a secret: a job is known by
		// its table, account and program, and by its turn among equals.
		key := f.path + ":" + as + ":" + cronProgram(j.command)
		times[key]++
		if n := times[key]; n > 1 {
			key = fmt.Sprintf("%s~%d", key, n)
		}
		ref := retinue.NewRef(m.realm, "cron_job", clipKey(retinue.CleanName(key)))
		m.scriptFact(a, ref, cronProgram(j.command), as, "cron_job", retinue.Attrs{
			"schedule": retinue.CleanName(j.schedule), "table": retinue.CleanName(f.path), "program": cronProgram(j.command)})
		h := holder{path: f.path, kind: retinue.PlaceFile, exposure: m.exposure(f.path), consumer: ref, tool: "crontab"}
		a.state(h, m.secrets.arguments("line "+cronProgram(j.command), splitWords(j.command), j.line))
	}
	a.state(holder{path: f.path, kind: retinue.PlaceEnvironment, exposure: m.exposure(f.path), tool: "crontab"}, envFound(vars))
}

func (m *machine) cronScript(a *area, p, every string) {
	ref := retinue.NewRef(m.realm, "cron_job", clipKey(retinue.CleanName(p)))
	m.scriptFact(a, ref, retinue.CleanName(path.Base(p)), "root", "cron_script", retinue.Attrs{"schedule": every, "program": retinue.CleanName(p)})
}

func (m *machine) scriptFact(a *area, ref retinue.Ref, name, user, subtype string, attrs retinue.Attrs) {
	attrs["account"] = retinue.CleanName(user)
	a.add(retinue.Identity{Ref: ref, Name: orElse(name, subtype), Kind: retinue.IdentityScript, Subtype: subtype, Class: retinue.ClassNonHuman,
		ClassReason: "a job that cron starts", State: retinue.StateActive, Container: m.ref, Attrs: attrs})
	if user != "" {
		a.add(retinue.Trust{Subject: m.account(user), Kind: retinue.TrusteePrincipal, Trustee: ref, Name: orElse(name, subtype), OrganizationKnown: true})
	}
}

// cronProgram returns the program that a job starts: the first word that is no
// assignment and no shell word.
func cronProgram(command string) string {
	words := splitWords(command)
	for i := 0; i < len(words); i++ {
		w := words[i]
		name, _, assigned := strings.Cut(w, "=")
		switch {
		case w == "":
		case assigned && isVariable(name):
		case w == "cd":
			i++ // its folder
		case w == "test" || w == "[":
			for i+1 < len(words) && words[i+1] != "&&" && words[i+1] != "||" && words[i+1] != ";" {
				i++
			}
		case w == "&&" || w == "||" || w == ";" || w == "(" || w == "exec" || w == "nice" || w == "sudo" || w == "command" || w == "if":
		default:
			if looksRandom(w) || len(w) > 200 {
				return "(command)"
			}
			return retinue.CleanName(w)
		}
	}
	return "(command)"
}
