package app

import (
	"strings"
	"sync"

	"github.com/retinue-id/retinue/internal/access"
	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/azurerbac"
	"github.com/retinue-id/retinue/internal/access/gcpiam"
)

// caseAWS returns what answers questions in the language of AWS, which may be
// asked from several goroutines. The memory of one question serves another.
func caseAWS() func(line []byte) (access.Decision, error) {
	idle := &sync.Pool{New: func() any { return &awsiam.Checker{} }}
	return func(line []byte) (access.Decision, error) {
		c, ok := idle.Get().(*awsiam.Checker)
		if !ok {
			c = &awsiam.Checker{}
		}
		defer idle.Put(c)
		return c.Check(string(line))
	}
}

// caseGCP answers a question in the language of Google Cloud: by the documents
// that it brings, else by x, which may be nil.
func caseGCP(line []byte, x *gcpiam.Index) (access.Decision, error) {
	c, err := gcpiam.ParseCase(line)
	if err != nil {
		return access.Decision{}, err
	}
	c.Question.Open = false
	return c.Decide(x), nil
}

// caseAzure answers a question in the language of Azure in the same way.
func caseAzure(line []byte, x *azurerbac.Index) (access.Decision, error) {
	c, err := azurerbac.ParseCase(line)
	if err != nil {
		return access.Decision{}, err
	}
	c.Question.Open = false
	return c.Decide(x), nil
}

func checkGCP(in accessState) (func([]byte) (access.Decision, error), error) {
	var c gcpiam.Collector
	if err := in.facts(c.Add); err != nil {
		return nil, err
	}
	e, err := c.Engine(nil, in.whole)
	if err != nil {
		return nil, err
	}
	return func(line []byte) (access.Decision, error) { return caseGCP(line, e.Index()) }, nil
}

func checkAzure(in accessState) (func([]byte) (access.Decision, error), error) {
	var c azurerbac.Collector
	if err := in.facts(c.Add); err != nil {
		return nil, err
	}
	e, err := c.Engine(nil, in.whole)
	if err != nil {
		return nil, err
	}
	return func(line []byte) (access.Decision, error) { return caseAzure(line, e.Index(in.realm)) }, nil
}

// holdsGCP reports the scopes of policies, roles and the hierarchy.
func holdsGCP(path string) bool {
	switch path {
	case "", "iam", "iam/policy", "iam/policies", "iam/deny-policies", "iam/roles", "project", "node":
		return true
	}
	return false
}

// holdsAzure reports the scopes of assignments, definitions and what they hold
// for.
func holdsAzure(path string) bool {
	head, rest, _ := strings.Cut(path, "/")
	switch head {
	case "", "rbac", "subscription", "management-group":
		return true
	case "directory":
		return rest == "" || rest == "roles" || rest == "role-assignments" || rest == "app-role-assignments" || strings.HasPrefix(rest, "group")
	}
	return false
}
