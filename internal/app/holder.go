package app

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// holder names this process in leases: machine and process number.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

// holderGone reports that the process which a lease names was on this machine
// and is no more. When in doubt it says no: the lease then runs out.
func holderGone(name string) bool {
	name, _, _ = strings.Cut(name, " ")
	host, number, ok := strings.Cut(name, "/")
	self, err := os.Hostname()
	if !ok || err != nil || host != self {
		return false
	}
	pid, err := strconv.Atoi(number)
	return err == nil && pid > 0 && processGone(pid)
}
