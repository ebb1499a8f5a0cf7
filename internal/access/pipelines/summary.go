package pipelines

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue/internal/access"
)

// Summarize says what a definition gives a pipeline by itself: the permissions of
// its jobs' own tokens. What others trust its tokens with is no part of it.
// Errors wrap retinue.ErrInvalid.
func Summarize(document string) (access.Summary, error) {
	d, err := Parse(document)
	if err != nil {
		return access.Summary{}, err
	}
	var s access.Summary
	for i := range d.Jobs {
		j := &d.Jobs[i]
		if len(j.IDTokens) > 0 || d.System == systemGitHub && d.asks(j) {
			s.Sentences = append(s.Sentences, fmt.Sprintf("job %s gets tokens that others can trust", j.Name))
		}
		p := d.permissions(j)
		if p == nil || d.System != systemGitHub {
			continue
		}
		var writes []string
		for _, scope := range scopes {
			switch level := p.level(scope); {
			case level == levelNone:
				continue
			case level == levelWrite && scope != scopeIDToken:
				s.Writes = true
				writes = append(writes, scope)
			}
			s.Services = append(s.Services, scope)
		}
		switch {
		case p.All == "write-all":
			s.Sentences = append(s.Sentences, fmt.Sprintf("job %s may write everything that the pipeline's token is for", j.Name))
		case len(writes) > 0:
			s.Sentences = append(s.Sentences, fmt.Sprintf("job %s may write %s", j.Name, strings.Join(writes, ", ")))
		}
	}
	if d.System == systemGitHub && d.Permissions == nil {
		for i := range d.Jobs {
			if d.Jobs[i].Permissions == nil {
				s.Sentences = append(s.Sentences, "the repository's settings decide what jobs without permissions of their own may do")
				break
			}
		}
	}
	s.Normalize()
	return s, nil
}
