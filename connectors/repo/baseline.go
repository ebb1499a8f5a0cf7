package repo

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/secrets"
)

// maxBaseline bounds a baseline file, in bytes.
const maxBaseline = 256 << 20

// baseline is what an earlier report held. A nil baseline holds nothing.
type baseline struct {
	// lines are findings by path, rule (empty for SARIF, whose rules may be
	// named otherwise) and line.
	lines map[baselineLine]bool
	// values are findings by path, rule and value, from reports that are not
	// redacted: they hold when lines move. Values are kept as hashes.
	values map[placeKey]bool
}

type baselineLine struct {
	path, rule string
	line       int
}

// readBaseline reads a report of gitleaks in JSON, or a SARIF 2.1.0 file.
func readBaseline(path string) (*baseline, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, sentinel(err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxBaseline+1))
	if err != nil {
		return nil, sentinel(err)
	}
	return parseBaseline(data)
}

func parseBaseline(data []byte) (*baseline, error) {
	if len(data) > maxBaseline {
		return nil, fmt.Errorf("%w: more than %d bytes", retinue.ErrInvalid, maxBaseline)
	}
	b := &baseline{lines: map[baselineLine]bool{}, values: map[placeKey]bool{}}
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	if len(data) > 0 && data[0] == '[' {
		return b, b.gitleaks(data)
	}
	return b, b.sarif(data)
}

func (b *baseline) gitleaks(data []byte) error {
	var report []struct {
		RuleID    string
		File      string
		StartLine int
		Secret    string
	}
	if err := json.Unmarshal(data, &report); err != nil {
		return fmt.Errorf("%w: report of gitleaks: %v", retinue.ErrInvalid, jsonCause(err))
	}
	for _, f := range report {
		file := slashed(f.File)
		b.lines[baselineLine{file, f.RuleID, f.StartLine}] = true
		if f.Secret != "" && f.Secret != "REDACTED" && !strings.HasSuffix(f.Secret, "...") {
			b.values[keyOf(file+"\x00"+f.RuleID, retinue.NewSecret(f.Secret))] = true
		}
	}
	return nil
}

func (b *baseline) sarif(data []byte) error {
	var log struct {
		Version string `json:"version"`
		Runs    []struct {
			Results []struct {
				RuleID    string `json:"ruleId"`
				Locations []struct {
					Physical struct {
						Artifact struct {
							URI string `json:"uri"`
						} `json:"artifactLocation"`
						Region struct {
							StartLine int `json:"startLine"`
						} `json:"region"`
					} `json:"physicalLocation"`
				} `json:"locations"`
			} `json:"results"`
		} `json:"runs"`
	}
	if err := json.Unmarshal(data, &log); err != nil {
		return fmt.Errorf("%w: neither a report of gitleaks nor SARIF: %v", retinue.ErrInvalid, jsonCause(err))
	}
	if !strings.HasPrefix(log.Version, "2.") {
		return fmt.Errorf("%w: SARIF version %q: want 2.1.0", retinue.ErrInvalid, clean(log.Version))
	}
	for _, run := range log.Runs {
		for _, res := range run.Results {
			for _, l := range res.Locations {
				uri := l.Physical.Artifact.URI
				if u, err := url.PathUnescape(uri); err == nil {
					uri = u
				}
				b.lines[baselineLine{slashed(uri), "", l.Physical.Region.StartLine}] = true
			}
		}
	}
	return nil
}

// jsonCause keeps the place and drops the text of the file, which holds
// values.
func jsonCause(err error) string {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return fmt.Sprintf("not JSON at byte %d", syntax.Offset)
	}
	var field *json.UnmarshalTypeError
	if errors.As(err, &field) {
		return fmt.Sprintf("field %s at byte %d: want %s", clean(field.Field), field.Offset, field.Type)
	}
	return "not JSON"
}

// holds reports whether the baseline has a finding.
func (b *baseline) holds(path string, f secrets.Finding) bool {
	if b == nil {
		return false
	}
	return b.lines[baselineLine{path, f.Rule, f.MatchLine}] || b.lines[baselineLine{path, "", f.Line}] ||
		b.values[keyOf(path+"\x00"+f.Rule, f.Secret)]
}

func slashed(p string) string { return strings.TrimPrefix(strings.ReplaceAll(p, `\`, "/"), "./") }

// ignoreFile is a .gitleaksignore: a line "path:rule:line", or the same with a
// commit in front. A nil file holds nothing.
type ignoreFile struct {
	lines map[[sha256.Size]byte]bool
}

// maxIgnores bounds the lines of a .gitleaksignore that are read.
const maxIgnores = 100_000

func parseIgnoreFile(data []byte) *ignoreFile {
	f := &ignoreFile{lines: map[[sha256.Size]byte]bool{}}
	in := bufio.NewScanner(bytes.NewReader(data))
	for in.Scan() && len(f.lines) < maxIgnores {
		line := strings.TrimSpace(in.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f.lines[sha256.Sum256([]byte(strings.ReplaceAll(line, `\`, "/")))] = true
	}
	return f
}

// loadIgnoreFile reads the .gitleaksignore of the work tree, if there is one.
func (r *run) loadIgnoreFile() {
	if data := r.small(".gitleaksignore"); data != nil {
		r.ignore = parseIgnoreFile(data)
	}
}

func (f *ignoreFile) holds(commit plumbing.Hash, path, rule string, line int) bool {
	if f == nil {
		return false
	}
	place := path + ":" + rule + ":" + strconv.Itoa(line)
	if f.lines[sha256.Sum256([]byte(place))] {
		return true
	}
	return !commit.IsZero() && f.lines[sha256.Sum256([]byte(commit.String()+":"+place))]
}
