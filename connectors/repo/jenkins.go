package repo

import (
	"strings"

	"github.com/retinue-id/retinue"
)

// maxJenkinsfile bounds what is read of a Jenkinsfile.
const maxJenkinsfile = 1 << 20

// readJenkinsfile reads a Jenkinsfile as text: it is a program, and what it
// computes is not computed (Jenkins' documentation, "Pipeline Syntax" and
// "Credentials Binding Plugin").
func readJenkinsfile(_ *tree, file string, data []byte) (*pipeline, error) {
	if len(data) > maxJenkinsfile {
		data = data[:maxJenkinsfile]
	}
	p := &pipeline{system: jenkins, path: file, name: file, attrs: retinue.Attrs{}}
	inComment := false
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		line, inComment = uncomment(line, inComment)
		p.jenkinsLine(line, number)
	}
	// Every agent of Jenkins is a machine of one's own.
	p.selfHosted = true
	return p, nil
}

// uncomment removes comments of a line, outside of quotes.
func uncomment(line string, inside bool) (string, bool) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		two := line[i:min(len(line), i+2)]
		switch {
		case inside:
			if two == "*/" {
				inside = false
				i++
			}
		case quote != 0:
			b.WriteByte(line[i])
			if line[i] == '\\' && i+1 < len(line) {
				i++
				b.WriteByte(line[i])
			} else if line[i] == quote {
				quote = 0
			}
		case two == "//":
			return b.String(), false
		case two == "/*":
			inside = true
			i++
		default:
			if line[i] == '\'' || line[i] == '"' {
				quote = line[i]
			}
			b.WriteByte(line[i])
		}
	}
	return b.String(), inside
}

func (p *pipeline) jenkinsLine(line string, number int) {
	for _, call := range []string{"credentials(", "credentialsId:", "credentialsId :", "sshagent(", "sshagent (", "usernameColonPassword(", "credentials:"} {
		rest := line
		for {
			_, after, ok := strings.Cut(rest, call)
			if !ok {
				break
			}
			rest = after
			p.addSecret(quoted(after), number)
		}
	}
	if _, after, ok := strings.Cut(line, "@Library("); ok {
		name := quoted(strings.TrimLeft(after, "[ "))
		p.uses = append(p.uses, name)
		if _, version, _ := strings.Cut(name, "@"); !isHash(version) {
			p.unpinned = append(p.unpinned, name)
		}
	}
	if _, after, ok := strings.Cut(line, "label "); ok {
		p.runners = append(p.runners, quoted(after))
	}
	if _, after, ok := strings.Cut(line, "role:"); ok && strings.Contains(line, "withAWS") {
		if ref, ok := awsRole(quoted(after)); ok {
			p.grants = append(p.grants, grant{privileges: []string{"sts:AssumeRole"}, resource: ref})
		}
	}
	for _, tr := range []string{"cron(", "pollSCM(", "upstream(", "githubPush(", "GenericTrigger("} {
		if strings.Contains(line, tr) {
			p.trigger = append(p.trigger, strings.TrimSuffix(tr, "("))
		}
	}
}

// quoted returns the text of a string that begins here, but for spaces and
// opening brackets, or nothing.
func quoted(s string) string {
	s = strings.TrimLeft(s, " \t[(")
	if s == "" || (s[0] != '\'' && s[0] != '"') {
		return ""
	}
	end := strings.IndexByte(s[1:], s[0])
	if end < 0 || end > 256 || strings.Contains(s[1:1+end], "${") {
		return ""
	}
	return s[1 : 1+end]
}
