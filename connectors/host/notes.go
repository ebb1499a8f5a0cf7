package host

import (
	"fmt"
	"os"
	"strings"

	"github.com/retinue-id/retinue/connector"
)

// notes says at the end what a person should know: what else can be scanned
// with what was found, and what of this machine could not be seen.
func (m *machine) notes() []connector.Note {
	out := append([]connector.Note(nil), m.offers...)
	blind := func(scope, text string) {
		out = append(out, connector.Note{Kind: connector.NoteBlindSpot, Scope: m.scope(scope), Text: text})
	}
	if len(m.sources) > 0 {
		blind("accounts", "accounts also come from "+strings.Join(m.sources, ", ")+" (nsswitch.conf), which this source does not ask")
	}
	c := m.sshdConfig
	if c.matches > 0 {
		blind("ssh", count(c.matches, "Match block")+" of sshd_config may change who can log in; their settings are not judged")
	}
	if cmd := c.settings["authorizedkeyscommand"]; cmd != "" && cmd != "none" {
		blind("ssh", "keys also come from a program (AuthorizedKeysCommand), which is not run")
	}
	if m.mac {
		blind("accounts", "on macOS people are in Open Directory, Apple's own services in /System and secrets in Keychain: none of them is read")
	}
	if m.tree.live() && os.Geteuid() != 0 {
		blind("host", fmt.Sprintf("run as uid %d: files of other accounts and of root are seen only where they are open to it", os.Geteuid()))
	}
	if strings.HasPrefix(m.idSource, "/etc/ssh/") {
		out = append(out, connector.Note{Kind: connector.NoteWarning, Scope: m.scope("host"),
			Text: "the machine has no machine id; its SSH host key names it, and a new key would make it another machine"})
	}
	if m.idSource == "host name" {
		out = append(out, connector.Note{Kind: connector.NoteWarning, Scope: m.scope("host"),
			Text: "the machine has no machine id and no SSH host key; its host name names it: give the option id=NAME where that may change or repeat"})
	}
	return out
}

// notCovered says what reading files never contains.
func (m *machine) notCovered() []string {
	out := []string{"memory and environment of running processes", "key stores of desktops, browsers and the kernel", "hardware keys (TPM, smart cards)"}
	if !m.tree.live() {
		out = append(out, "what ran or was logged in when the copy was made")
	}
	if m.mac {
		out = append(out, "Open Directory, binary property lists, Keychain")
	}
	return out
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
