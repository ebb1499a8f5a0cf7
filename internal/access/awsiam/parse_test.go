package awsiam

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	globs "github.com/retinue-id/retinue/internal/access/glob"
)

func TestParse(t *testing.T) {
	p, err := ParseText(`{
	  "Version": "2012-10-17", "Id": "i\u0064",
	  "Statement": [
	    {"Sid": "One", "Effect": "Allow", "Action": "s3:Get*", "Resource": ["a", "b"],
	     "Condition": {"NumericLessThan": {"k": [1, -2.5e3, "x"]}, "Bool": {"b": true}}},
	    {"Effect": "Deny", "NotAction": ["iam:*"], "NotResource": "c", "Principal": {"AWS": "*", "Service": ["x.amazonaws.com"]}}
	  ]}`)
	if err != nil {
		t.Fatal(err)
	}
	st := p.Statements()
	if p.Version() != Version2012 || p.ID() != "id" || len(st) != 2 || len(p.Problems()) != 0 {
		t.Fatalf("policy %+v with problems %v", p.doc, p.Problems())
	}
	if st[0].Place() != "One" || st[1].Place() != "#2" || st[0].Effect != Allow || st[1].Effect != Deny {
		t.Errorf("places %s and %s", st[0].Place(), st[1].Place())
	}
	c := st[0].Conditions
	if len(c) != 2 || !slices.Equal(c[0].Values, []string{"1", "-2.5e3", "x"}) || !slices.Equal(c[1].Values, []string{"true"}) {
		t.Errorf("conditions %+v", c)
	}
	if st[1].Resources != nil || !slices.Equal(st[1].NotResources, []string{"c"}) || st[1].Principals == nil || st[1].Principals.All {
		t.Errorf("second statement %+v", st[1])
	}
	if !st[0].AppliesTo("S3:getobject") || st[0].AppliesTo("s3:Put") || !st[1].AppliesTo("s3:Put") || st[1].AppliesTo("iam:X") {
		t.Error("AppliesTo does not follow Action and NotAction")
	}
	if named := p.Named("arn"); named.Name() != "arn" || p.Name() != "" || named.doc != p.doc {
		t.Error("Named does not share the document")
	}
	one, err := ParseText(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
	if err != nil || len(one.Statements()) != 1 {
		t.Errorf("a statement that stands alone: %v", err)
	}
}

// TestParseErrors holds that errors name the statement and the field.
func TestParseErrors(t *testing.T) {
	tests := []struct{ text, want string }{
		{``, "end of the text"},
		{`[]`, "list where"},
		{`{}`, "no Statement"},
		{`{"Statement":[]} x`, "something follows"},
		{`{"Statement":[],"Statement":[]}`, `"Statement" is given twice`},
		{`{"Version":1,"Statement":[]}`, "Version: number"},
		{`{"Statement":[{"Effect":"Allow","Effect":"Deny"}]}`, `statement 1: "Effect" is given twice`},
		{`{"Statement":[{},{"Action":{"a":1}}]}`, "statement 2, Action: object"},
		{`{"Statement":[{"Action":["a",1]}]}`, "statement 1, Action: number"},
		{`{"Statement":[{"Action":null}]}`, "statement 1, Action: null"},
		{`{"Statement":[{"Condition":{"Bool":{"k":{}}}}]}`, "statement 1, Condition, Bool, k: object"},
		{`{"Statement":[{"Condition":{"Bool":{"k":null}}}]}`, "k: null"},
		{`{"Statement":[{"Condition":{"Bool":{"k":1,"k":2}}}]}`, `"k" is given twice`},
		{`{"Statement":[{"Principal":7}]}`, "statement 1, Principal: number"},
		{`{"Statement":[{"Sid":"` + "\x01" + `"}]}`, "control character"},
		{`{"Statement":[{"Sid":"\ud800"}]}`, "surrogate"},
		{`{"Statement":[{"Sid":"\x"}]}`, "escape"},
		{`{"Statement":[{"Sid":"` + "\xff" + `"}]}`, "not UTF-8"},
		{`{"Statement":[{"Sid":"a`, "does not end"},
		{`{"Statement":[{"Condition":{"Bool":{"k":01}}}]}`, `where "}"`},
		{`{"Statement":[{"Extra":` + strings.Repeat("[", 100) + `]}`, "nested deeper"},
		{`{"Statement":[` + strings.Repeat(`{},`, maxStatements) + `{}]}`, "more than 2000 statements"},
		{`{"Statement":[{"Effect":"Allow","Action":"` + strings.Repeat("*?", maxWildcards) + `"}]}`, "statement 1: more than 40960 wildcards"},
		{strings.Repeat(" ", maxDocument+1), "the limit is"},
	}
	for _, tt := range tests {
		_, err := ParseText(tt.text)
		if !errors.Is(err, retinue.ErrInvalid) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.60q: error %v: want ErrInvalid with %q", tt.text, err, tt.want)
		}
	}
}

func TestResources(t *testing.T) {
	const function = "arn:aws:lambda:us-east-1:111111111111:function:pay"
	tests := []struct {
		pattern, resource string
		want              bool
	}{
		{"*", function, true},
		{"**", function, true},
		{function, function, true},
		{strings.ToUpper(function), function, false},
		{"arn:aws:lambda:us-east-1:111111111111:function:*", function, true},
		{"arn:aws:lambda:us-east-1:111111111111:function:*", function + ":1", true},
		{"arn:aws:lambda:us-east-1:111111111111:function:p?y", function, true},
		{"arn:aws:lambda:us-east-1:111111111111:function:p?", function, false},
		{"arn:aws:lambda:*:111111111111:function:pay", function, true},
		{"arn:aws:lambda:us-east-?:111111111111:*:pay", function, true},
		{"arn:aws:lambda:us-east-1:111111111111:*", function, true},
		{"arn:aws:lambda:us-east-1:111111111111*", function, true},
		{"arn:aws:lambda:us-east-1:1111*", function, true},
		{"arn:aws:lambda:us-*-1:111111111111:function:pay", function, true},
		{"arn:aws:lambda:us?east-1?111111111111:function:pay", function, false},
		{"arn:aws:ec2:*:*:*/*", "arn:aws:ec2:us-east-1:1:instance/i-1", true},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b/", true},
		{"arn:aws:s3:::b/*", "arn:aws:s3:::b", false},
		{"arn:aws:s3:::b*/x/*/y", "arn:aws:s3:::bc/x/1/2/y", true},
		{"arn:aws:s3:::*/é?", "arn:aws:s3:::b/éü", true},
		{"arn:aws:s3:::b", "*", false},
		{"*", "*", true},
		{"", "arn:aws:s3:::b", false},
	}
	for _, tt := range tests {
		if got := MatchResource(tt.pattern, tt.resource); got != tt.want {
			t.Errorf("%q on %q = %t", tt.pattern, tt.resource, got)
		}
	}
}

// TestResourceVariables follows "Where you can use policy variables": only
// after the fifth colon.
func TestResourceVariables(t *testing.T) {
	tests := []struct {
		version, pattern, resource string
		want                       truth
	}{
		{Version2012, "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/al*ce/x", yes},
		{Version2012, "arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/alice/x", no}, // its star is no wildcard
		{Version2012, "arn:aws:s3:::b/${AWS:USERNAME}", "arn:aws:s3:::b/al*ce", yes},
		{Version2012, "arn:aws:sqs:us-east-2:*:${aws:username}-queue", "arn:aws:sqs:us-east-2:1:al*ce-queue", yes},
		{Version2012, "arn:aws:s3:::b/${aws:nobody}", "arn:aws:s3:::b/", no},
		{Version2012, "arn:aws:s3:::b/${aws:nobody, 'x'}", "arn:aws:s3:::b/x", yes},
		{Version2012, "arn:aws:s3:::b/${*}", "arn:aws:s3:::b/*", yes},
		{Version2012, "arn:aws:s3:::b/${*}", "arn:aws:s3:::b/x", no},
		{Version2012, "arn:aws:sqs:us-east-1:${aws:account}:q", "arn:aws:sqs:us-east-1:1:q", no},
		{Version2012, "${aws:arn}", object, no},
		{Version2008, "arn:aws:s3:::b/${aws:username}", "arn:aws:s3:::b/${aws:username}", yes},
		{Version2008, "arn:aws:s3:::b/${aws:username}", "arn:aws:s3:::b/al*ce", no},
	}
	for _, tt := range tests {
		r := compileResource(tt.pattern, tt.version == Version2012)
		c := contextOf(map[string]any{"aws:username": "al*ce", "aws:account": "1", "aws:arn": object})
		q := question{resource: tt.resource, request: &Request{}, context: &c}
		if got := r.match(&q); got != tt.want {
			t.Errorf("%s %q on %q = %d: want %d", tt.version, tt.pattern, tt.resource, got, tt.want)
		}
	}
}

func TestMatchAction(t *testing.T) {
	tests := []struct {
		pattern, action string
		want            bool
	}{
		{"*", "a:B", true}, {"*:*", "a:B", true}, {"s3:*", "S3:GetObject", true}, {"S3:GET*", "s3:getobject", true},
		{"s3:Get?bject", "s3:GetObject", true}, {"s3:G*t*O*t", "s3:GetObject", true}, {"s3:GetObject?", "s3:GetObject", false},
		{"s3:GetObject*", "s3:GetObject", true}, {"s3:*object", "s3:GetObject", true}, {"s3:*", "s3express:GetObject", false},
		{"s3:*", "s3:a:b", true}, {"s3", "s3", false}, {"s3*", "s3:Get", false}, {"*:Get", "s3:Get", false}, {"", "s3:Get", false},
	}
	for _, tt := range tests {
		if got := MatchAction(tt.pattern, tt.action); got != tt.want {
			t.Errorf("%q on %q = %t", tt.pattern, tt.action, got)
		}
	}
}

// TestIndex answers the same with and without an index of the statements.
func TestIndex(t *testing.T) {
	var statements []string
	for _, a := range []string{"s3:Get*", "ec2:*", "s3:PutObject", "sqs:?end*", "*", "iam:PassRole"} {
		statements = append(statements, `{"Effect":"Allow","Action":["`+a+`","kms:Encrypt"],"Resource":"r-`+a+`"}`)
	}
	statements = append(statements, `{"Effect":"Deny","NotAction":"s3:*","Resource":"x"}`)
	large := policy(t, statements...)
	if large.doc.index == nil {
		t.Fatal("no index")
	}
	small := *large.doc
	small.index = nil
	for _, action := range []string{"s3:GetObject", "S3:putobject", "sqs:SendMessage", "kms:Encrypt", "new:Action", "iam:PassRole"} {
		var answers [2][]int
		for i, d := range []*compiled{large.doc, &small} {
			q := question{action: lower(action), request: &Request{}, context: &Context{}, layers: &Layers{}}
			for r := range statements {
				q.resource = "r-" + action
				if r%2 == 0 {
					q.resource = "x"
				}
				q.policy(LayerIdentity, 0, &Policy{doc: d}, func(st *Statement, _ truth, _ grant) { answers[i] = append(answers[i], st.number) })
			}
		}
		if !slices.Equal(answers[0], answers[1]) {
			t.Errorf("%s: statements %v with an index, %v without", action, answers[0], answers[1])
		}
	}
}

// TestAdversarial holds that hostile patterns end quickly.
func TestAdversarial(t *testing.T) {
	long := strings.Repeat("a", 60000)
	patterns := map[string]string{
		"stars":             strings.Repeat("*a", 10000) + "b",
		"long runs":         "*" + strings.Repeat("a", 30000) + "b*",
		"runs and marks":    "*" + strings.Repeat("a?", 9000) + "b*",
		"marks":             "*" + strings.Repeat("?", 9000) + "b",
		"marks and stars":   strings.Repeat("?*", 4500) + "b",
		"segments":          "arn:a*a:" + strings.Repeat("*a", 9000) + ":b",
		"segments of marks": "a?*:" + strings.Repeat("a?", 9000) + "*:b",
	}
	for name, pattern := range patterns {
		t.Run(name, func(t *testing.T) {
			p := policy(t, `{"Effect":"Allow","Action":"*","Resource":["`+pattern+`","arn:aws:s3:::`+pattern+`"],"Condition":{"StringLike":{"k":"`+pattern+`"}}}`,
				`{"Effect":"Deny","Action":"x:`+pattern+`","Resource":"*"}`)
			var c Context
			c.Set("k", long)
			start := time.Now()
			for _, resource := range []string{long, "arn:aws:s3:::" + long, "arn:aa:aa" + long + ":c"} {
				r := Request{Action: "x:" + long, Resource: resource, Principal: principalOf(t, user), Context: c}
				if o := Outcome(&Layers{Identity: []*Policy{p}}, &r, Closed); o != implicit {
					t.Errorf("outcome %s", o)
				}
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	f.Add(`{"Statement":{"Effect":"Deny","NotAction":["a:b"],"NotPrincipal":{"AWS":"*"},"Condition":{"Foo":{"b":[1,true,"${a, 'b'}"]}}}}`)
	f.Add(`{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:*:?:${aws:username}","Condition":{"DateLessThan":{"k":"1e9"},"IpAddress":{"k":"::/0"}}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseText(text)
		if err != nil {
			if !errors.Is(err, retinue.ErrInvalid) {
				t.Fatalf("error %v does not wrap ErrInvalid", err)
			}
			return
		}
		if !json.Valid([]byte(text)) {
			t.Fatal("accepted what is not JSON")
		}
		var c Context
		c.Set("k", "a")
		r := Request{Action: "s3:GetObject", Resource: object, Principal: Anonymous(), Context: c}
		for _, mode := range []Mode{Closed, Open} {
			l := Layers{Resource: []*Policy{p}, Endpoint: []*Policy{p}, ResourceControl: []Level{{Policies: []*Policy{p}}}}
			d := Decide(&l, &r, mode)
			if o := Outcome(&l, &r, mode); o != d.Outcome {
				t.Fatalf("Outcome is %s and Decide %s", o, d.Outcome)
			}
			if _, err := json.Marshal(d); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// slowMatch is the textbook matcher over characters.
func slowMatch(pattern, text []rune) bool {
	row := make([]bool, len(text)+1)
	row[0] = true
	for _, p := range pattern {
		next := make([]bool, len(text)+1)
		next[0] = p == '*' && row[0]
		for i, c := range text {
			switch p {
			case '*':
				next[i+1] = next[i] || row[i+1]
			case '?':
				next[i+1] = row[i]
			default:
				next[i+1] = row[i] && c == p
			}
		}
		row = next
	}
	return row[len(text)]
}

func FuzzGlob(f *testing.F) {
	for _, s := range [][2]string{{"a*c", "abc"}, {"*?a*", "éa"}, {"?*?", "ab"}, {"*aab*", "aaaab"}, {"*a?b*", "aaxb"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 200 || len(text) > 200 {
			return
		}
		p, s := []rune(pattern), []rune(text)
		if string(p) != pattern || string(s) != text {
			return // not UTF-8
		}
		g := compileGlob(pattern)
		want := slowMatch(p, s)
		if got := g.match(text); got != want {
			t.Fatalf("glob %q on %q = %t: want %t", pattern, text, got, want)
		}
		if got := globs.Match(pattern, text); got != want {
			t.Fatalf("pattern %q on %q = %t: want %t", pattern, text, got, want)
		}
		// The search for long runs finds the same.
		for i := range g.pieces {
			if p := &g.pieces[i]; p.any != nil && p.text != "" {
				want := p.search(text)
				if got := p.scan(text); got != want {
					t.Fatalf("piece %q in %q ends at %d: want %d", p.text, text, got, want)
				}
			}
		}
	})
}
