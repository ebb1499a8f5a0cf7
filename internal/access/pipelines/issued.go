package pipelines

import (
	"strings"

	"github.com/retinue-id/retinue"
)

// workload is anything but a pipeline that is issued tokens, such as a service
// account of a cluster.
type workload struct {
	ref   retinue.Ref
	name  string
	token Token
	ways  []match
}

// workloadOf reads the token that an identity is issued. Its audience is chosen
// by whoever asks, unless it is said ("ServiceAccount token volume projection").
func workloadOf(id retinue.Identity) *workload {
	w := &workload{ref: id.Ref, name: id.Name, token: Token{Issuer: strings.TrimSuffix(id.Federation.Issuer, "/"), Event: "its own token",
		Fixed: map[string]string{"iss": id.Federation.Issuer, claimSubject: id.Federation.Subject}}}
	if id.Federation.Audience != "" {
		w.token.Audiences = []string{id.Federation.Audience}
	}
	w.token.begins = id.Federation.Subject
	return w
}

// federatedTokens are the tokens of a pipeline of which only the issuer is
// known, as its subject holds ids that no file has.
func federatedTokens(id *retinue.Identity) []Token {
	f := id.Federation
	if f == nil || f.Issuer == "" || strings.Contains(f.Issuer, "*") {
		return nil
	}
	t := Token{Issuer: strings.TrimSuffix(f.Issuer, "/"), Event: "any run", Fixed: map[string]string{}, Unread: []string{"the subject of its tokens"}}
	t.AnyBelow = t.Issuer == "https://oidc.circleci.com"
	if f.Audience != "" {
		t.Audiences = []string{f.Audience}
	}
	if f.Subject != "" && !strings.Contains(f.Subject, "*") {
		t.Fixed[claimSubject] = f.Subject
	}
	return []Token{t}
}

// anyRun returns the tokens that whoever can write to the repository can be
// issued there. What system it lies in its pipelines tell, else its address.
func (r *repository) anyRun() []Token {
	system := ""
	for _, p := range r.own {
		if p.definition != nil {
			system = p.definition.System
		}
	}
	host, _, _ := strings.Cut(r.address, "/")
	switch {
	case system == systemGitLab || system == "" && host == "gitlab.com":
		if g, ok := gitlabOf(r.address); ok {
			return g.anyRun()
		}
	case system == systemGitHub || system == "" && (host == githubHost || strings.HasSuffix(host, ".ghe.com")):
		if g, ok := githubOf(r.address); ok {
			return g.anyRun()
		}
	}
	return nil
}
