package aws

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// exportMark is the first member of the documents that the export script
// writes around each answer.
const exportMark = "retinueExport"

// fileKind says what a file holds.
type fileKind int

const (
	kindUnknown   fileKind = iota
	kindAnswer             // one operation's output, bare or in the script's envelope
	kindTerraform          // terraform show -json, a state file, or a list of resources
)

// sniffed is what the beginning of a file says it is.
type sniffed struct {
	kind fileKind
	call
	at       time.Time
	err      string // the error code that the script got in place of an answer
	subjects []string
	envelope bool
	lineage  string // of a Terraform state
}

// sniff finds out what a file holds from its first members. It reads no further
// than it must.
func sniff(r io.Reader) (sniffed, error) {
	b := bufio.NewReaderSize(skipBOM(r), 64<<10)
	head, _ := b.Peek(512)
	trimmed := bytes.TrimLeft(head, " \t\r\n")
	switch {
	case bytes.HasPrefix(trimmed, []byte(reportHeader)), bytes.HasPrefix(trimmed, []byte("user,arn")):
		return sniffed{kind: kindAnswer, call: call{op: opReport}}, nil
	case len(trimmed) == 0:
		return sniffed{}, fmt.Errorf("%w: the file is empty", retinue.ErrInvalid)
	case trimmed[0] != '{' && trimmed[0] != '[':
		return sniffed{}, nil
	}
	s := &sniffer{j: newJSONReader(b)}
	err := s.value(0)
	if errors.Is(err, errSniffed) {
		err = nil
	}
	return s.found, err
}

// errSniffed ends the reading once it is known what the file holds.
var errSniffed = errors.New("recognised")

type sniffer struct {
	j     *jsonReader
	found sniffed
}

func (s *sniffer) value(depth int) error {
	t, err := s.j.token()
	if err != nil {
		return err
	}
	switch {
	case depth <= maxNesting && t == json.Delim('{'):
		return s.j.objectFrom(t, func(name string) error { return s.member(name, depth) })
	case depth <= maxNesting && t == json.Delim('['):
		return s.j.arrayFrom(t, func(i int) error {
			if i > 0 {
				return s.j.skip()
			}
			return s.element(depth)
		})
	}
	return s.j.skipFrom(t)
}

// element looks at the first element of a list at the top: a Terraform-style
// object has a type of the provider's, anything else is looked into.
func (s *sniffer) element(depth int) error {
	var raw json.RawMessage
	if err := s.j.decode(&raw); err != nil {
		return err
	}
	var res tfResource
	if json.Unmarshal(raw, &res) == nil && strings.HasPrefix(res.Type, "aws_") {
		s.found.kind = kindTerraform
		return errSniffed
	}
	inner := &sniffer{j: newJSONReader(bytes.NewReader(raw))}
	err := inner.value(depth + 1)
	s.found = inner.found
	return err
}

func (s *sniffer) member(name string, depth int) error {
	switch {
	case name == exportMark && depth == 0:
		return s.envelope()
	case name == "format_version", name == "terraform_version", name == "planned_values", name == "lineage":
		return s.terraform(name)
	case name == "Policies", name == "Attributes", name == "Accounts", name == "Users", name == "Groups", name == "Roles":
		return s.ambiguous(name, depth)
	case authzMember(name):
		return s.is(opAuthz)
	}
	for _, o := range operations() {
		if o.member != name || len(o.beside) > 0 || o.member == "Policy" {
			continue
		}
		if depth == 0 || slices.Contains([]string{opAccessKeys, opFunctions, opSecrets, opInstances, opBuckets}, o.name) {
			return s.answer(o)
		}
	}
	if depth == 0 && (name == "Policy" || name == "RevisionId") {
		return s.functionPolicy(name)
	}
	if depth == 0 && (name == "Content" || name == "ReportFormat") {
		return s.is(opReport)
	}
	return s.value(depth + 1)
}

func (s *sniffer) is(op string) error {
	s.found.kind, s.found.op = kindAnswer, op
	return errSniffed
}

// answer recognises the output of an operation by the kind of its value. One
// that is asked for each of several subjects names its subject inside.
func (s *sniffer) answer(o operation) error {
	t, err := s.j.token()
	if err != nil {
		return err
	}
	single := o.member == "Organization" || o.each != "" && strings.HasPrefix(o.command(), "describe-") && o.name != opService
	if want := map[bool]json.Delim{true: '{', false: '['}[single]; t != want && o.member != "ResourcePolicy" && o.name != opEKSCluster {
		return s.j.skipFrom(t)
	}
	s.found.kind, s.found.op = kindAnswer, o.name
	switch {
	case o.each == "" || o.name == opSecretPolicy:
	case single:
		subject := map[string]string{}
		err = s.j.objectFrom(t, func(name string) error {
			v, err := s.j.token()
			if err != nil {
				return err
			}
			if text, ok := v.(string); ok {
				subject[strings.ToLower(name)] = text
				return nil
			}
			return s.j.skipFrom(v)
		})
		s.found.subjects = subjectsOf(o.name, subject)
	default:
		err = s.j.arrayFrom(t, func(int) error {
			var raw json.RawMessage
			if err := s.j.decode(&raw); err != nil {
				return err
			}
			s.found.subjects = append(s.found.subjects, subjectsIn(o.name, raw)...)
			return nil
		})
		slices.Sort(s.found.subjects)
		s.found.subjects = slices.Compact(s.found.subjects)
	}
	if err != nil {
		return err
	}
	return errSniffed
}

// ambiguous tells apart operations whose output has the same member.
func (s *sniffer) ambiguous(name string, depth int) error {
	t, err := s.j.token()
	if err != nil {
		return err
	}
	if t == json.Delim('{') && name == "Attributes" {
		attributes := map[string]string{}
		err := s.j.objectFrom(t, func(k string) error {
			var v string
			err := s.j.decode(&v)
			attributes[k] = v
			return err
		})
		if err != nil {
			return err
		}
		return s.attributes(attributes)
	}
	if t != json.Delim('[') {
		return s.j.skipFrom(t)
	}
	if depth == 0 && !s.j.dec.More() {
		if op := map[string]string{"Users": opUsers, "Groups": opGroups, "Roles": opRoles}[name]; op != "" {
			return s.is(op) // an empty listing
		}
	}
	return s.j.arrayFrom(t, func(i int) error {
		var e struct {
			Id, Arn           string //nolint:revive // the vendor's spelling
			Email             *string
			PolicyVersionList json.RawMessage
		}
		if err := s.j.decode(&e); err != nil && !errors.Is(err, errWrongType) {
			return err
		}
		switch a, _ := parseARN(e.Arn); {
		case i > 0:
			return errSniffed
		case name == "Policies" && e.PolicyVersionList != nil:
			return s.is(opAuthz)
		case a.service == "iam" && name == "Users":
			return s.is(opUsers)
		case a.service == "iam" && name == "Groups":
			return s.is(opGroups)
		case a.service == "iam" && name == "Roles":
			return s.is(opRoles)
		case name == "Accounts" && a.service == "organizations" && depth == 0:
			return s.is(opOrgAccounts)
		}
		return nil // iam list-policies and the like: no documents inside
	})
}

func (s *sniffer) attributes(a map[string]string) error {
	if q := a["QueueArn"]; q != "" {
		s.found.subjects = []string{queueURL(q)}
		return s.is(opQueue)
	}
	if t := a["TopicArn"]; t != "" {
		s.found.subjects = []string{t}
		return s.is(opTopic)
	}
	return nil
}

// functionPolicy recognises the policy of a function by the function that it
// names; the policy of a bucket or key does not say whose it is.
func (s *sniffer) functionPolicy(name string) error {
	var doc string
	if err := s.j.decode(&doc); err != nil && !errors.Is(err, errWrongType) {
		return err
	}
	if name != "Policy" {
		return nil
	}
	var p struct{ Statement []struct{ Resource words } }
	_ = json.Unmarshal([]byte(documentText(doc)), &p) // what is no policy has no statements
	for _, st := range p.Statement {
		for _, r := range st.Resource {
			switch a, _ := parseARN(r); a.service {
			case "lambda":
				s.found.subjects = []string{r}
				return s.is(opFuncPolicy)
			case "s3":
				bucket, _, _ := strings.Cut(a.resource, "/")
				s.found.subjects = []string{bucket}
				return s.is(opBucketPolicy)
			}
		}
	}
	return nil
}

func (s *sniffer) terraform(name string) error {
	s.found.kind = kindTerraform
	if name != "lineage" {
		// A state file has its lineage a few members further on.
		return s.j.skip()
	}
	var v string
	if err := s.j.decode(&v); err != nil {
		return err
	}
	s.found.lineage = v
	return errSniffed
}

// envelope reads the head that the export script writes before an answer.
func (s *sniffer) envelope() error {
	if err := s.j.skip(); err != nil {
		return err
	}
	s.found.kind, s.found.envelope = kindAnswer, true
	service, command := "", ""
	for s.j.dec.More() {
		t, err := s.j.token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		if name == "output" {
			break
		}
		var v string
		if err := s.j.decode(&v); err != nil {
			return err
		}
		switch name {
		case "account":
			s.found.account = v
		case "region":
			s.found.region = v
		case "service":
			service = v
		case "operation":
			command = v
		case "subject":
			s.found.subject = v
		case "at":
			s.found.at = parseMoment(v)
		case "error":
			s.found.err = v
		}
	}
	s.found.op = service + " " + command
	return errSniffed
}

// subjectsOf returns what an answer about one thing is about, from its strings
// by lower-case name.
func subjectsOf(op string, v map[string]string) []string {
	switch op {
	case opKey:
		return []string{v["arn"]}
	case opTask:
		return []string{v["family"], v["taskdefinitionarn"]}
	case opEKSCluster:
		return []string{v["name"]}
	case opPod:
		return []string{v["clustername"] + subjectSeparator + v["associationid"]}
	case opEntry:
		return []string{v["clustername"] + subjectSeparator + v["principalarn"]}
	}
	return nil
}

// subjectsIn returns what an element of a list tells about the subject that the
// list was asked for.
func subjectsIn(op string, raw json.RawMessage) []string {
	var e struct{ ClusterArn, ServiceArn, ClusterName string }
	var text string
	_ = json.Unmarshal(raw, &e) // what does not fit has no subject
	_ = json.Unmarshal(raw, &text)
	switch a, ok := parseARN(text); {
	case op == opPodList && e.ClusterName != "":
		return []string{e.ClusterName}
	case op == opService && e.ServiceArn != "":
		return []string{e.ClusterArn + subjectSeparator + e.ServiceArn}
	case op == opServices && ok:
		if p := strings.Split(a.resource, "/"); len(p) == 3 {
			return []string{fmt.Sprintf("arn:%s:ecs:%s:%s:cluster/%s", a.partition, a.region, a.account, p[1])}
		}
	}
	return nil
}

// queueURL is the URL of a queue by its ARN, as ListQueues gives it.
func queueURL(arnText string) string {
	a, ok := parseARN(arnText)
	if !ok {
		return arnText
	}
	return fmt.Sprintf("https://sqs.%s.%s/%s/%s", a.region, dnsSuffix(a.region), a.account, a.resource)
}
