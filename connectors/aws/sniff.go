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
	names []string
}

func (s *sniffer) value(depth int) error {
	t, err := s.j.token()
	if err != nil {
		return err
	}
	switch {
	case depth <= maxNesting && t == json.Delim('{'):
		var names []string
		return s.j.objectFrom(t, func(name string) error {
			names = append(names, name)
			return s.member(name, names, depth)
		})
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

func (s *sniffer) member(name string, before []string, depth int) error {
	switch {
	case name == exportMark && depth == 0:
		return s.envelope()
	case name == "format_version", name == "terraform_version", name == "planned_values", name == "lineage":
		return s.terraform(name)
	case name == "Policies", name == "Attributes", name == "Accounts":
		return s.ambiguous(name, before, depth)
	case authzMember(name):
		return s.is(opAuthz)
	}
	for _, o := range operations() {
		if o.member != name || len(o.beside) > 0 || o.member == "Policy" {
			continue
		}
		if depth == 0 || o.each == "" || o.name == opAccessKeys {
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

// answer recognises the output of an operation. One that is asked for each of
// several subjects names its subject inside.
func (s *sniffer) answer(o operation) error {
	s.found.kind, s.found.op = kindAnswer, o.name
	if o.each == "" {
		return errSniffed
	}
	var raw json.RawMessage
	if err := s.j.decode(&raw); err != nil {
		return err
	}
	s.found.subjects = subjectsIn(o.name, raw)
	return errSniffed
}

// ambiguous tells apart operations whose output has the same member.
func (s *sniffer) ambiguous(name string, _ []string, depth int) error {
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
	if json.Unmarshal([]byte(documentText(doc)), &p) != nil {
		return nil
	}
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

// subjectsIn returns what an answer to a question about one thing is about.
func subjectsIn(op string, raw json.RawMessage) []string {
	var v struct {
		Arn, ARN, TaskDefinitionArn, Family, Name           string
		ClusterName, AssociationId, PrincipalArn, AccountId string //nolint:revive // the vendor's spelling
	}
	var list []struct{ UserName, ClusterArn, ServiceArn, ClusterName string }
	var arns []string
	_ = json.Unmarshal(raw, &v)
	_ = json.Unmarshal(raw, &list)
	_ = json.Unmarshal(raw, &arns)
	var out []string
	switch op {
	case opKey:
		out = []string{v.Arn}
	case opTask:
		out = []string{v.Family, v.TaskDefinitionArn}
	case opEKSCluster:
		out = []string{v.Name}
	case opPod:
		out = []string{v.ClusterName + subjectSeparator + v.AssociationId}
	case opEntry:
		out = []string{v.ClusterName + subjectSeparator + v.PrincipalArn}
	case opPodList:
		for _, e := range list {
			out = append(out, e.ClusterName)
		}
	case opService:
		for _, e := range list {
			out = append(out, e.ClusterArn+subjectSeparator+e.ServiceArn)
		}
	case opServices:
		for _, s := range arns {
			if a, ok := parseARN(s); ok {
				if p := strings.Split(a.resource, "/"); len(p) == 3 {
					out = append(out, fmt.Sprintf("arn:%s:ecs:%s:%s:cluster/%s", a.partition, a.region, a.account, p[1]))
				}
			}
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(s string) bool { return s == "" || s == subjectSeparator })
}

// queueURL is the URL of a queue by its ARN, as ListQueues gives it.
func queueURL(arnText string) string {
	a, ok := parseARN(arnText)
	if !ok {
		return arnText
	}
	return fmt.Sprintf("https://sqs.%s.%s/%s/%s", a.region, dnsSuffix(a.region), a.account, a.resource)
}
