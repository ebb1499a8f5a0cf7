package aws

import (
	_ "embed"
	"strings"
)

//go:embed log_hosts.txt
var hostsFile string

//go:embed log_actions.txt
var otherActionsFile string

// logHosts are the prefixes of permissions for hosts whose name is another. The
// hosts are those of the services' API models; where one host serves several
// APIs, the prefixes are tried in this order.
func logHosts() map[string][]string {
	out := map[string][]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(hostsFile), "\n") {
		words := strings.Fields(line)
		out[words[0]] = words[1:]
	}
	return out
}

// otherActions are the permissions of operations that are named otherwise, or
// that need several: "prefix:Operation action more…". They follow the tables
// "Actions defined by" of the Service Authorization Reference and, for Amazon S3,
// "Required permissions for Amazon S3 API operations" of its user guide. An
// operation without actions needs one that its name does not tell (PartiQL).
func otherActions() map[string]string {
	out := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(otherActionsFile), "\n") {
		operation, actions, _ := strings.Cut(line, " ")
		out[operation] = actions
	}
	return out
}
