package bench

import (
	"fmt"
	"strings"
)

// The logs that are written.
const (
	logCloudTrail = "aws.cloudtrail"
	logKubernetes = "kubernetes.audit"
	logPostgres   = "postgres.log"
	logGitHub     = "github.audit"
	logSSH        = "ssh.auth"
)

// accountID makes the id of the n-th account: 111111111111, 222222222222 and so
// on as the vendor's own examples have them, then made-up ones.
func accountID(n int) string {
	if n < 9 {
		return strings.Repeat(fmt.Sprint(n+1), 12)
	}
	return fmt.Sprintf("%012d", 100_000_000_000+n)
}
