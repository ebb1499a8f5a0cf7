// Package awsdata is reference data about AWS: the actions of every service
// with their access level, resource types and condition keys, and AWS's managed
// policies. A copy is embedded in the program; [Load] reads a newer one of the
// same form from a file. What a live account says goes before it.
//
// The embedded copy comes from two npm packages under the MIT licence, whose
// notices it holds ([Data.About]); the program in generate makes it.
package awsdata

//go:generate go run ./generate

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

//go:embed reference.zip
var embedded string

// MaxFile bounds a file of reference data, in bytes; the embedded copy is a
// twentieth of it.
const MaxFile = 16 << 20

// maxPart bounds one file of the archive, unpacked.
const (
	maxPart = 64 << 20
	format  = 1
)

// Data is reference data. It is decoded where it is first asked for, service by
// service, and may be used from several goroutines.
type Data struct {
	about    About
	archive  *zip.Reader
	services func() (*catalog, error)
	policies func() (map[string]ManagedPolicy, error)
}

// About says what the data is and where it comes from.
type About struct {
	// Date is the day on which it was current.
	Date    time.Time
	Sources []Source
}

// Source is a package that the data was taken from.
type Source struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Licence string `json:"licence"`
	Notice  string `json:"notice"`
}

// Embedded opens the copy in the program. Opening is cheap and decoding is not:
// keep what it returns.
func Embedded() (*Data, error) { return open(strings.NewReader(embedded), int64(len(embedded))) }

// Load reads a file of reference data and checks all of it. Errors wrap
// retinue.ErrInvalid.
func Load(r io.Reader) (*Data, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read reference data: %w", err)
	}
	if len(text) > MaxFile {
		return nil, fmt.Errorf("%w: reference data of more than %d bytes", retinue.ErrInvalid, MaxFile)
	}
	d, err := open(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, err
	}
	return d, d.check()
}

func open(r io.ReaderAt, size int64) (*Data, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%w: reference data: %s", retinue.ErrInvalid, retinue.CleanName(err.Error()))
	}
	d := &Data{archive: archive}
	d.services = sync.OnceValues(d.readServices)
	d.policies = sync.OnceValues(d.readPolicies)
	text, err := d.part("about.json")
	if err != nil {
		return nil, err
	}
	var about struct {
		Format  int
		Date    string
		Sources []Source
	}
	if err := json.Unmarshal(text, &about); err != nil {
		return nil, fmt.Errorf("%w: reference data: %s", retinue.ErrInvalid, retinue.CleanName(err.Error()))
	}
	if about.Format != format {
		return nil, fmt.Errorf("%w: reference data of format %d: this program reads format %d", retinue.ErrInvalid, about.Format, format)
	}
	d.about.Sources = about.Sources
	if d.about.Date, err = time.Parse(time.DateOnly, about.Date); err != nil {
		return nil, fmt.Errorf("%w: reference data: date %q", retinue.ErrInvalid, retinue.CleanName(about.Date))
	}
	return d, nil
}

// part reads one file of the archive whole.
func (d *Data) part(name string) ([]byte, error) {
	f, err := d.archive.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w: reference data: no %s", retinue.ErrInvalid, name)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxPart+1))
	if err != nil || len(text) > maxPart {
		return nil, fmt.Errorf("%w: reference data: %s cannot be read or is larger than %d bytes", retinue.ErrInvalid, name, maxPart)
	}
	return text, nil
}

// About says what the data is.
func (d *Data) About() About { return d.about }

// check decodes everything.
func (d *Data) check() error {
	c, err := d.services()
	if err != nil {
		return err
	}
	for _, prefix := range c.prefixes {
		if _, err := c.service(prefix); err != nil {
			return err
		}
	}
	policies, err := d.policies()
	if err != nil {
		return err
	}
	if len(c.prefixes) == 0 || len(policies) == 0 {
		return fmt.Errorf("%w: reference data without services or policies", retinue.ErrInvalid)
	}
	for _, p := range policies {
		if _, err := awsiam.ParseText(p.Document); err != nil {
			return fmt.Errorf("reference data: policy %s: %w", retinue.CleanName(p.ARN), err)
		}
	}
	return nil
}

// Services are the service prefixes, sorted. The embedded copy cannot fail; of
// another, Load has checked everything.
func (d *Data) Services() []string {
	c, err := d.services()
	if err != nil {
		return nil
	}
	return slices.Clone(c.prefixes)
}

// Service returns a service by its prefix, whatever its case.
func (d *Data) Service(prefix string) (*Service, bool) {
	c, err := d.services()
	if err != nil {
		return nil, false
	}
	s, err := c.service(strings.ToLower(prefix))
	return s, err == nil && s != nil
}

// Action returns an action by its name with the service's prefix, whatever its
// case.
func (d *Data) Action(name string) (Action, bool) {
	prefix, action, ok := strings.Cut(name, ":")
	if !ok {
		return Action{}, false
	}
	s, ok := d.Service(prefix)
	if !ok {
		return Action{}, false
	}
	i, ok := s.byName[strings.ToLower(action)]
	if !ok {
		return Action{}, false
	}
	return s.Actions[i], true
}

// Expand returns the known actions that an action pattern covers, such as
// "s3:Get*", by their full names in AWS's writing, sorted by service and name.
func (d *Data) Expand(pattern string) []string {
	p, ok := awsiam.CompileAction(pattern)
	if !ok {
		return nil
	}
	prefixes := d.Services()
	if service, _, found := strings.Cut(pattern, ":"); found && !strings.Contains(service, "*") {
		prefixes = []string{strings.ToLower(service)}
	}
	var out []string
	for _, prefix := range prefixes {
		s, ok := d.Service(prefix)
		if !ok {
			continue
		}
		for i := range s.Actions {
			if name := s.Actions[i].FullName(); p.Covers(name) {
				out = append(out, name)
			}
		}
	}
	return out
}
