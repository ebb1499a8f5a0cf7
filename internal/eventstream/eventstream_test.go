package eventstream

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/retinue-id/retinue"
)

func good() Config {
	return Config{Name: "x", Servers: []string{"tls://nats-1:4222", "nats://127.0.0.1:4222"}, Stream: "USAGE", Consumer: "retinue",
		Subjects: []Subject{{Filter: "audit.aws.>", Kind: "aws", Realms: []string{"aws:*"}}, {Filter: "audit.*.pay", Kind: "kubernetes", Realms: []string{"kubernetes:1"}}}}.WithDefaults()
}

// TestMistakes plants one mistake after the other; each is told with its place,
// and no secret with it.
func TestMistakes(t *testing.T) {
	if err := good().Check(); err == nil {
		t.Fatal("the two subjects match audit.aws.pay both, and that was not told")
	}
	ok := good()
	ok.Subjects[1].Filter = "audit.k8s.*"
	if err := ok.Check(); err != nil {
		t.Fatal(err)
	}
	for field, plant := range map[string]func(*Config){
		"servers":               func(c *Config) { c.Servers = nil },
		"servers[0]":            func(c *Config) { c.Servers[0] = "nats://nats-1:4222" },
		"servers[1]":            func(c *Config) { c.Servers[1] = "tls://user:hidden@nats-1:4222" },
		"stream":                func(c *Config) { c.Stream = "a.b" },
		"consumer":              func(c *Config) { c.Consumer = "" },
		"credentialsFile":       func(c *Config) { c.Credentials, c.Token = "x.creds", retinue.NewSecret("hidden") },
		"batch":                 func(c *Config) { c.Batch = 5000 },
		"batchBytes":            func(c *Config) { c.BatchBytes = 1 },
		"workers":               func(c *Config) { c.Workers = -1 },
		"maxRate":               func(c *Config) { c.Rate = -1 },
		"ackWait":               func(c *Config) { c.AckWait = 1 },
		"subjects":              func(c *Config) { c.Subjects = nil },
		"subjects[0].subject":   func(c *Config) { c.Subjects[0].Filter = "audit..x" },
		"subjects[1].subject":   func(c *Config) { c.Subjects[1].Filter = "audit.aws.eu" },
		"subjects[0].realms":    func(c *Config) { c.Subjects[0].Realms = nil },
		"subjects[1].realms[0]": func(c *Config) { c.Subjects[1].Realms = []string{"*"} },
	} {
		c := ok
		c.Servers, c.Subjects = append([]string(nil), ok.Servers...), append([]Subject(nil), ok.Subjects...)
		plant(&c)
		err := c.Check()
		var f *retinue.FieldError
		if !errors.As(err, &f) || f.Field != field || !errors.Is(err, retinue.ErrInvalid) {
			t.Errorf("mistake in %s: %v", field, err)
		}
		if err != nil && strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: the error holds the secret: %v", field, err)
		}
	}
}

func TestSubjects(t *testing.T) {
	for _, c := range []struct {
		a, b           string
		overlap, cover bool
	}{
		{"a.b", "a.b", true, true}, {"a.b", "a.c", false, false}, {"a.*", "a.b", true, true}, {"a.b", "a.*", true, false}, {"a.>", "a.b.c", true, true},
		{"a.>", "a", false, false}, {"a.*.c", "a.b.*", true, false}, {">", "a.b", true, true}, {"a.*", "a.>", true, false}, {"a.b", "a.b.c", false, false}, {"a.*", "a.*", true, true},
	} {
		if got := overlap(c.a, c.b); got != c.overlap || overlap(c.b, c.a) != got {
			t.Errorf("overlap(%s, %s) = %v", c.a, c.b, got)
		}
		if got := covers(c.a, c.b); got != c.cover {
			t.Errorf("covers(%s, %s) = %v", c.a, c.b, got)
		}
	}
	for s, want := range map[string]bool{"a": true, "a.*.>": true, "": false, "a.>.b": false, "a.b*": false, ".a": false, "a b": false} {
		if validFilter(s) != want {
			t.Errorf("validFilter(%q) = %v", s, !want)
		}
	}
	s := Subject{Realms: []string{"aws:1*", "test:logs"}}
	for realm, want := range map[retinue.Realm]bool{"aws:12": true, "aws:2": false, "test:logs": true, "test:logs2": false} {
		if s.speaksFor(realm) != want {
			t.Errorf("speaksFor(%s) = %v", realm, !want)
		}
	}
}

// lineDecoder takes records of the form {"id":"…"}; "break" breaks it.
func lineDecoder(record []byte) ([]retinue.Event, error) {
	word := string(bytes.TrimSpace(record))
	switch {
	case strings.Contains(word, "break"):
		panic("broken")
	case !strings.HasPrefix(word, `{"id":`):
		return nil, fmt.Errorf("%w: no id", retinue.ErrInvalid)
	case strings.Contains(word, "foreign"):
		return []retinue.Event{{ID: word, Realm: "other:1"}}, nil
	}
	if strings.Contains(word, "stranger") {
		return []retinue.Event{{ID: word, Realm: "test:1", Identity: retinue.NewRef("other:1", "account", "a")}}, nil
	}
	return []retinue.Event{{ID: word, Realm: "test:1"}}, nil
}

func zipped(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.Bytes()
}

// TestMessages decodes messages in every form, and damaged in every way: what can
// be read is, and the rest is told with the message's sequence.
func TestMessages(t *testing.T) {
	cut := zipped(strings.Repeat(`{"id":"a"}`+"\n", 3000))
	for name, c := range map[string]struct {
		data   []byte
		events int // -1: some
		faults int
		taken  bool
	}{
		"one":              {[]byte(`{"id":"a"}`), 1, 0, true},
		"one, spread":      {[]byte(" {\n \"id\": \"a\"\n}\n"), 0, 1, false}, // the decoder here wants it on one line
		"lines":            {[]byte("{\"id\":\"a\"}\n{\"id\":\"b\"}\n"), 2, 0, true},
		"array":            {[]byte(`[{"id":"a"},{"id":"b"}]`), 2, 0, true},
		"envelope":         {[]byte(`{"Records":[{"id":"a"},{"id":"b"}]}`), 2, 0, true},
		"compressed":       {zipped("{\"id\":\"a\"}\n{\"id\":\"b\"}\n"), 2, 0, true},
		"half":             {[]byte(`{"id":"a`), 0, 1, false},
		"half of the rest": {[]byte("{\"id\":\"a\"}\n{\"id\":\"b"), 1, 1, true},
		"nothing":          {nil, 0, 1, false},
		"no record":        {[]byte("hello"), 0, 1, false},
		"cut":              {cut[:len(cut)/2], -1, 1, true},
		"foreign name":     {[]byte("{\"id\":\"stranger\"}\n"), 1, 1, true},
		"foreign realm":    {[]byte("{\"id\":\"foreign\"}\n{\"id\":\"b\"}\n"), 1, 1, true},
		"breaks":           {[]byte("{\"id\":\"break\"}\n{\"id\":\"b\"}\n"), 1, 1, true},
		"a bomb":           {zipped(`{"id":"` + strings.Repeat("a", 1<<21)), 0, 1, false},
		"many faults":      {[]byte(strings.Repeat("{\"x\":1}\n", 100)), 0, 100, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Subject{Filter: "a", Realms: []string{"test:1"}, Envelopes: []string{"Records"}, Decode: lineDecoder}
			m := &message{reader: &Reader{cfg: good()}, data: c.data, seq: 7, subject: s}
			events := 0
			taken, err := s.decode(m, 1<<20, func(e []retinue.Event) error {
				for i := range e {
					if !e[i].Identity.IsZero() {
						t.Errorf("an event came with the name %s", e[i].Identity)
					}
				}
				events += len(e)
				return nil
			})
			if err != nil || taken != c.taken || events != c.events && c.events >= 0 || events == 0 && c.events < 0 {
				t.Errorf("%d events, taken %v, %v", events, taken, err)
			}
			var faults int64
			for _, f := range m.faults {
				faults += f.Count
				if f.Record != 7 {
					t.Errorf("fault of record %d: %v", f.Record, f.Err)
				}
			}
			if faults != int64(c.faults) || len(m.faults) > maxMessageFaults+1 {
				t.Errorf("%d faults in %d: %v", faults, len(m.faults), m.faults)
			}
		})
	}
}

func FuzzMessages(f *testing.F) {
	f.Add([]byte(`{"id":"a"}`))
	f.Add([]byte("[{\"id\":1},\n2"))
	f.Add(zipped("{\"id\":\"a\"}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &Subject{Filter: "a", Realms: []string{"test:1"}, Envelopes: []string{"Records"}, Decode: lineDecoder}
		m := &message{reader: &Reader{cfg: good()}, data: data, seq: 1, subject: s}
		taken, err := s.decode(m, 1<<16, func([]retinue.Event) error { return nil })
		if err != nil || !taken && len(m.faults) == 0 {
			t.Errorf("nothing was taken and no fault told: %v", err)
		}
	})
}
