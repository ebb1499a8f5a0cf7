package aws

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
)

// ownerCount counts the ARNs of a file by account, region and partition.
type ownerCount struct {
	accounts, regions, partitions map[string]int
	// principals counts the users, roles and groups that name themselves.
	principals map[string]int
	// listings counts the lists of users and roles: one account has one each.
	listings int
}

// A thing's own ARN counts for far more than ARNs that are only mentioned, such
// as those in a trust policy.
const (
	ownWeight     = 1000
	mentionWeight = 1
	maxARN        = 2048
)

// countOwners finds the account and region that a file is about: by the ARNs
// that stand as the value of a member whose name ends in "arn". It never looks
// at the file's name.
func countOwners(r io.Reader) (ownerCount, error) {
	c := ownerCount{map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}, 0}
	b := bufio.NewReaderSize(r, 256<<10)
	var before []byte // the end of what was read before this piece
	for {
		// Strings of JSON end in a quote, and so does every ARN in one.
		piece, err := b.ReadSlice('"')
		if len(piece) > 4 && len(piece) <= maxARN && bytes.HasPrefix(piece, []byte("arn:")) {
			c.add(string(piece[:len(piece)-1]), weight(before))
		} else if len(piece) > 4 && len(piece) <= maxARN {
			c.addInText(piece)
		}
		if string(piece) == `UserDetailList"` || string(piece) == `RoleDetailList"` {
			c.listings++
		}
		if keep := piece; len(keep) > 0 {
			before = append(before[:0], before[max(0, len(before)-16):]...)
			before = append(before, keep[max(0, len(keep)-16):]...)
		}
		switch {
		case errors.Is(err, io.EOF):
			return c, nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return c, err
		}
	}
}

// weight tells from what stands before an ARN whether it is the value of a
// member that names the thing itself.
func weight(before []byte) int {
	s := strings.ToLower(string(before))
	s = strings.TrimSuffix(s, `"`)
	s = strings.TrimRight(s, " \t\r\n")
	if rest, ok := strings.CutSuffix(s, ":"); ok && strings.HasSuffix(strings.TrimRight(rest, " \t\r\n"), `arn"`) {
		return ownWeight
	}
	return mentionWeight
}

// addInText counts what stands in CSV and in the URLs of queues.
func (c *ownerCount) addInText(piece []byte) {
	if i := bytes.Index(piece, []byte("amazonaws.com/")); i > 0 && len(piece) > i+27 && isAccountID(string(piece[i+14:i+26])) {
		c.accounts[string(piece[i+14:i+26])] += ownWeight
		host := string(piece[:i])
		if j := strings.Index(host, "sqs."); j >= 0 {
			c.regions[strings.TrimSuffix(host[j+4:], ".")] += ownWeight
		}
	}
	for rest := piece; ; {
		i := bytes.Index(rest, []byte("arn:aws"))
		if i < 0 {
			return
		}
		rest = rest[i:]
		end := bytes.IndexAny(rest, ",\r\n\" ")
		if end < 0 {
			end = len(rest)
		}
		c.add(string(rest[:end]), mentionWeight)
		rest = rest[end:]
	}
}

func (c *ownerCount) add(text string, n int) {
	a, ok := parseARN(text)
	if !ok || (!isAccountID(a.account) && a.account != "") {
		return
	}
	c.partitions[a.partition]++
	if isAccountID(a.account) {
		c.accounts[a.account] += n
		kind, _, _ := strings.Cut(a.resource, "/")
		if n == ownWeight && a.service == "iam" && (kind == "user" || kind == "role" || kind == "group") {
			c.principals[a.account]++
		}
	}
	if a.region != "" {
		c.regions[a.region] += n
	}
}

// most returns the key with the highest count, the first in order among equals.
func most(m map[string]int) string {
	best, n := "", 0
	for k, v := range m {
		if v > n || (v == n && k < best) {
			best, n = k, v
		}
	}
	return best
}
