package aws

import (
	_ "embed"
	"strings"
)

// vendorAccounts is the table of account ids that vendors published: a line
// each, the id and the name. Its header says where it comes from.
//
//go:embed vendors.txt
var vendorAccounts string

// vendorTable knows the names of vendors by account id.
type vendorTable map[string]string

func newVendorTable() vendorTable {
	t := vendorTable{}
	for line := range strings.Lines(vendorAccounts) {
		id, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && isAccountID(id) {
			t[id] = name
		}
	}
	return t
}

func (t vendorTable) name(account string) string { return t[account] }
