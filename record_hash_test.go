package retinue

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func testRecord() Record {
	return Record{
		ID: "rec_0000000000000000000000000a", Seq: 7, At: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC),
		Actor:  Actor{Kind: "os_user", Name: "ada", Host: "h1"},
		Action: RecordScopeCompleted, Subject: "aws:1/iam",
		Details: json.RawMessage(`{"b":1,"a":"x<y"}`), PrevHash: RecordGenesis,
	}
}

// The expected text is what the comment of ComputeHash promises, written out.
func TestRecordCanonicalEncodingIsTheDocumentedOne(t *testing.T) {
	want := `17:retinue.record.v1,30:rec_0000000000000000000000000a,1:7,27:2026-01-02T03:04:05.678901Z,7:os_user,3:ada,2:h1,` +
		`15:scope.completed,9:aws:1/iam,17:{"a":"x<y","b":1},64:` + RecordGenesis + `,`
	if got := string(testRecord().canonical()); got != want {
		t.Errorf("canonical encoding:\n got %s\nwant %s", got, want)
	}
	// A vector for other implementations: printf %s "$want" | sha256sum.
	if got, want := testRecord().ComputeHash(), "358a0561a7b82534c60ce74e69fe1c2d9e97bc7881e03fe114bc4b0b5b9b2105"; got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}

func TestRecordHashSurvivesJSON(t *testing.T) {
	r := testRecord()
	r.Subject = "bad \xff\xfe utf8"
	r.Details = json.RawMessage(" { \"z\" : [1.50, 1e3, null, true, {}], \"html\": \"<&>\u2028\", \"esc\":\"\\u0001\\u00e9\\n\" } ")
	s, err := r.Seal(RecordGenesis, 0)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	var back Record
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if back.ComputeHash() != s.Hash || s.Hash != s.ComputeHash() {
		t.Errorf("hash %s became %s after JSON\n%s\n%s", s.Hash, back.ComputeHash(), s.canonical(), back.canonical())
	}
	if r.Seq = s.Seq; r.ComputeHash() != s.Hash {
		t.Errorf("sealing changed the hash of the same content")
	}
}

func TestRecordHashCoversEveryField(t *testing.T) {
	base := testRecord().ComputeHash()
	for name, change := range map[string]func(*Record){
		"id":         func(r *Record) { r.ID += "b" },
		"seq":        func(r *Record) { r.Seq++ },
		"at":         func(r *Record) { r.At = r.At.Add(time.Microsecond) },
		"actor kind": func(r *Record) { r.Actor.Kind, r.Actor.Name = r.Actor.Kind+"a", r.Actor.Name[1:] },
		"name":       func(r *Record) { r.Actor.Name = "bob" },
		"host":       func(r *Record) { r.Actor.Host = "" },
		"action":     func(r *Record) { r.Action = RecordExported },
		"subject":    func(r *Record) { r.Subject += "/" },
		"details":    func(r *Record) { r.Details = json.RawMessage(`{"b":2,"a":"x<y"}`) },
		"no details": func(r *Record) { r.Details = nil },
		"not JSON":   func(r *Record) { r.Details = json.RawMessage(`{"b":1,"a":"x<y"`) },
		"twice":      func(r *Record) { r.Details = json.RawMessage(`{"b":1,"a":"x<y"} {}`) },
		"prev":       func(r *Record) { r.PrevHash = "1" + r.PrevHash[1:] },
	} {
		r := testRecord()
		change(&r)
		if r.ComputeHash() == base {
			t.Errorf("%s: changing it does not change the hash", name)
		}
	}
	r := testRecord()
	if r.Hash = "x"; r.ComputeHash() != base {
		t.Error("the hash covers itself")
	}
	r.Details = json.RawMessage("{\n\"a\":\"x\\u003cy\", \"b\":1}")
	if r.ComputeHash() != base {
		t.Error("another spelling of the same details changes the hash")
	}
}

func TestSealRefusesDetailsThatAreNotJSON(t *testing.T) {
	for _, d := range []string{"{", "{}{}", `{"a":}`, strings.Repeat("[", 100) + strings.Repeat("]", 100)} {
		r := testRecord()
		r.Details = json.RawMessage(d)
		if _, err := r.Seal(RecordGenesis, 0); err == nil {
			t.Errorf("details %.20q were sealed", d)
		}
	}
}

func FuzzCanonicalJSON(f *testing.F) {
	f.Add([]byte(`{"b":[1,2,{"x":null}],"a":"\u00e9"}`))
	f.Add([]byte(`"\ud800"`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := canonicalJSON(raw)
		if err != nil {
			return
		}
		again, err := canonicalJSON(c)
		if err != nil || string(again) != string(c) {
			t.Fatalf("canonical form of %q is not stable: %q then %q, %v", raw, c, again, err)
		}
		if !json.Valid(c) {
			t.Fatalf("canonical form of %q is not JSON: %q", raw, c)
		}
	})
}
