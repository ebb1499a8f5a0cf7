package excess

import (
	"fmt"
	"strings"
)

// sentenceFactors is how many factors the sentence names.
const sentenceFactors = 3

// sentenceShare is the least that a factor must matter to be named beside a
// greater one.
const sentenceShare = 0.1

// sentence explains the score by its greatest factors.
func sentence(e *Excess) string {
	if len(e.Factors) == 0 {
		return "It can do nothing that is known."
	}
	var parts []string
	for _, f := range e.Factors {
		if len(parts) == sentenceFactors || len(parts) > 0 && f.Weight < sentenceShare {
			break
		}
		text := strings.TrimSuffix(f.Text, ".")
		if text == "" {
			text = strings.ReplaceAll(f.Kind, "_", " ")
		}
		parts = append(parts, text)
		if f.Weight == 1 {
			break // nothing adds to everything
		}
	}
	text := fmt.Sprintf("%d of 100: it %s", e.Score, joined(parts))
	if u := e.Unused; u != nil && u.Never > 0 {
		text += fmt.Sprintf("; of %s, %d %s never used", plural(u.Grants, "grant", "grants"), u.Never, was(u.Never))
	}
	return text + "."
}

func was(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func joined(parts []string) string {
	switch n := len(parts); n {
	case 0:
		return ""
	case 1:
		return parts[0]
	default:
		return strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]
	}
}
