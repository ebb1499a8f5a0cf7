package host

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/keys"
)

// sshLog is the name of the log of sign-ins to a machine.
const sshLog = "ssh.auth"

// entry is a line of a machine's log of sign-ins, whichever way it was written.
type entry struct {
	event   retinue.Event // Log, Realm, At and its id
	program string        // "sshd", "sudo", "su"
	message string
}

// events states what an entry tells; nothing for the many that tell of no use.
func (l *entry) events() []retinue.Event {
	switch program, _, _ := strings.Cut(l.program, "-"); program {
	case "sshd": // sshd-session and sshd-auth since OpenSSH 9.8
		return l.sshd()
	case "sudo":
		return l.sudo()
	case "su":
		return l.su()
	}
	return nil
}

func (l *entry) account(name string) retinue.Ref {
	if name == "" {
		return retinue.Ref{}
	}
	return retinue.NewRef(l.event.Realm, "account", clipKey(retinue.CleanName(name)))
}

// signIn begins an event about coming in over the network.
func (l *entry) signIn(outcome retinue.Outcome, reason string) retinue.Event {
	e := l.event
	e.Class, e.Outcome, e.Reason, e.Operation = retinue.EventSignIn, outcome, reason, "sign-in"
	e.Resource = retinue.NewRef(e.Realm, "host", e.Realm.ID())
	return e
}

// sshd reads a message of OpenSSH's server. (Source files auth.c, auth2-pubkey.c,
// session.c and packet.c of OpenSSH.)
func (l *entry) sshd() []retinue.Event {
	m := l.message
	for _, c := range []struct {
		prefix string
		read   func(rest string) (retinue.Event, bool)
	}{
		{"Accepted ", l.accepted},
		{"Failed ", l.failed},
		{"Invalid user ", l.invalid},
		{"User ", l.refused},
		{"error: maximum authentication attempts exceeded for ", l.exceeded},
		{"maximum authentication attempts exceeded for ", l.exceeded},
		{"Connection closed by authenticating user ", l.broken},
		{"Connection reset by authenticating user ", l.broken},
		{"Disconnected from authenticating user ", l.broken},
		{"Disconnected from user ", l.ended},
		{"Close session: user ", l.closed},
		{"Starting session: ", l.session},
		{"error: Authentication key ", l.revoked},
		{"Authentication key ", l.revoked},
	} {
		if rest, ok := strings.CutPrefix(m, c.prefix); ok {
			if e, ok := c.read(rest); ok {
				return []retinue.Event{e}
			}
			return nil
		}
	}
	if user, ok := strings.CutPrefix(m, "pam_unix(sshd:session): session closed for user "); ok {
		e := l.signIn(retinue.OutcomeSuccess, "")
		e.Identity, e.Operation = l.account(strings.TrimSpace(user)), "disconnection"
		return []retinue.Event{e}
	}
	return nil
}

// peer is "USER from ADDR port N ssh2: what proved it".
type peer struct {
	user  string
	proof string
	event *retinue.Event
}

// readPeer cuts such a text. Whoever tries to sign in chooses the user's name, so
// it is cut from behind.
func readPeer(e *retinue.Event, text string) (peer, bool) {
	p := peer{event: e}
	text = strings.TrimSuffix(text, " [preauth]")
	head, proof, ok := strings.Cut(text, " ssh2: ")
	if ok && strings.Count(text, " ssh2") == 1 {
		p.proof = proof
	} else {
		head = strings.TrimSuffix(text, " ssh2")
	}
	i := strings.LastIndex(head, " from ")
	if i < 0 {
		return p, false
	}
	address, _, _ := strings.Cut(head[i+len(" from "):], " port ")
	setAddress(e, address)
	p.user = head[:i]
	return p, true
}

func setAddress(e *retinue.Event, text string) {
	if a, err := netip.ParseAddr(text); err == nil {
		e.Origin.Address = a.Unmap().WithZone("")
	} else if text != "" && text != "UNKNOWN" {
		e.Origin.Host = eventText(text)
	}
}

func (l *entry) accepted(rest string) (retinue.Event, bool) {
	method, rest, ok := strings.Cut(rest, " for ")
	e := l.signIn(retinue.OutcomeSuccess, "")
	p, isPeer := readPeer(&e, rest)
	if !ok || !isPeer || method == "" || strings.Contains(method, " ") {
		return e, false // "Accepted certificate ID …", said again in the line itself
	}
	e.Identity, e.Operation = l.account(p.user), eventText(method)
	l.proved(&e, p.proof)
	return e, true
}

// proved reads what proved a user: "ED25519 SHA256:…", of a certificate also
// "ID name (serial 42) CA ED25519 SHA256:…", and of Kerberos the principal.
func (l *entry) proved(e *retinue.Event, proof string) {
	words := strings.SplitN(proof, " ", 3)
	if len(words) < 2 || !strings.HasPrefix(words[1], "SHA256:") {
		if strings.HasPrefix(e.Operation, "gssapi") && proof != "" {
			e.Context = []retinue.ContextValue{{Key: "kerberos_principal", Value: eventText(proof)}}
		}
		return
	}
	fingerprint := strings.TrimSuffix(words[1], ",")
	if !isFingerprint(fingerprint) {
		return
	}
	if len(words) == 3 && strings.HasPrefix(words[2], "ID ") {
		l.certificate(e, fingerprint, words[2][len("ID "):])
		return
	}
	e.Credential = retinue.NewRef(e.Realm, "ssh_key", fingerprint)
	e.Joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: keys.SSHKeyID(fingerprint)}}
}

// certificate reads "name (serial 42) CA ED25519 SHA256:…". The name is whatever
// the authority wrote, so it is cut from behind.
func (l *entry) certificate(e *retinue.Event, key, text string) {
	i := strings.LastIndex(text, " (serial ")
	if i < 0 {
		return
	}
	id := text[:i]
	number, rest, _ := strings.Cut(text[i+len(" (serial "):], ")")
	serial, err := strconv.ParseUint(number, 10, 64)
	authority := rest[strings.LastIndexByte(rest, ' ')+1:]
	if err != nil || !isFingerprint(authority) {
		return
	}
	e.Joins = []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: keys.SSHCertificateID(authority, serial, key, id)}}
	e.Context = []retinue.ContextValue{
		{Key: "certificate_authority", Value: authority}, {Key: "certificate_id", Value: eventText(id)}, {Key: "certificate_serial", Value: number},
	}
}

// isFingerprint reports OpenSSH's form of a SHA-256: 43 characters of base64.
func isFingerprint(s string) bool {
	b, ok := strings.CutPrefix(s, "SHA256:")
	return ok && len(b) == 43 && strings.Trim(b, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == ""
}

// failed reads "password for invalid user x from …". Names of accounts that are
// not there are somebody's guesses, of which there is no end: they are not kept.
func (l *entry) failed(rest string) (retinue.Event, bool) {
	method, rest, ok := strings.Cut(rest, " for ")
	e := l.signIn(retinue.OutcomeDenied, "authentication_failed")
	if !ok || method == "" || strings.Contains(method, " ") {
		return e, false
	}
	l.attempt(&e, rest)
	e.Operation = eventText(method)
	return e, true
}

// attempt reads by whom and from where, and with what where it is said.
func (l *entry) attempt(e *retinue.Event, rest string) {
	guessed := strings.HasPrefix(rest, "invalid user ")
	p, ok := readPeer(e, rest)
	if guessed || !ok {
		e.Reason = "invalid_user"
		return
	}
	e.Identity = l.account(p.user)
	l.proved(e, p.proof)
}

func (l *entry) invalid(rest string) (retinue.Event, bool) {
	e := l.signIn(retinue.OutcomeDenied, "invalid_user")
	_, ok := readPeer(&e, " "+rest)
	return e, ok
}

// refused reads "x from ADDR not allowed because …".
func (l *entry) refused(rest string) (retinue.Event, bool) {
	head, _, ok := strings.Cut(rest, " not allowed because ")
	e := l.signIn(retinue.OutcomeDenied, "not_allowed")
	user, address, from := strings.Cut(head, " from ")
	if from {
		setAddress(&e, address)
	}
	e.Identity = l.account(user)
	return e, ok && user != ""
}

func (l *entry) exceeded(rest string) (retinue.Event, bool) {
	e := l.signIn(retinue.OutcomeDenied, "too_many_attempts")
	l.attempt(&e, rest)
	return e, true
}

// broken reads "x ADDR port N [preauth]": the connection ended before the user had
// proved anything. Where failed keys are not logged it is all that shows of them.
func (l *entry) broken(rest string) (retinue.Event, bool) {
	e := l.signIn(retinue.OutcomeDenied, "not_completed")
	user, ok := l.userAt(&e, rest)
	e.Identity = l.account(user)
	return e, ok
}

func (l *entry) ended(rest string) (retinue.Event, bool) {
	e := l.signIn(retinue.OutcomeSuccess, "")
	user, ok := l.userAt(&e, rest)
	e.Identity, e.Operation = l.account(user), "disconnection"
	return e, ok
}

// closed reads "x from ADDR port N id 0".
func (l *entry) closed(rest string) (retinue.Event, bool) {
	e := l.signIn(retinue.OutcomeSuccess, "")
	if i := strings.LastIndex(rest, " id "); i >= 0 {
		rest = rest[:i]
	}
	p, ok := readPeer(&e, rest)
	e.Identity, e.Operation = l.account(p.user), "disconnection"
	return e, ok
}

// userAt reads "x ADDR port N".
func (l *entry) userAt(e *retinue.Event, rest string) (string, bool) {
	head, _, ok := strings.Cut(rest, " port ")
	i := strings.LastIndexByte(head, ' ')
	if !ok || i <= 0 {
		return "", false
	}
	setAddress(e, head[i+1:])
	return head[:i], true
}

// session reads "shell on pts/0 for x from ADDR port N id 0", which is logged at
// LogLevel VERBOSE. The text of a command is not.
func (l *entry) session(rest string) (retinue.Event, bool) {
	what, rest, ok := strings.Cut(rest, " for ")
	e := l.event
	if i := strings.LastIndex(rest, " id "); i >= 0 {
		rest = rest[:i]
	}
	p, isPeer := readPeer(&e, rest)
	kind, _, _ := strings.Cut(what, " ")
	if !ok || !isPeer || kind != "shell" && kind != "command" && kind != "subsystem" && kind != "forced-command" {
		return e, false
	}
	e.Class, e.Outcome, e.Operation, e.Identity = retinue.EventData, retinue.OutcomeSuccess, kind, l.account(p.user)
	e.Resource = retinue.NewRef(e.Realm, "host", e.Realm.ID())
	e.Origin.Interactive = strings.Contains(what, " on pts/") || strings.Contains(what, " on tty")
	return e, true
}

// revoked reads "ED25519 SHA256:… revoked by file …".
func (l *entry) revoked(rest string) (retinue.Event, bool) {
	e := l.signIn(retinue.OutcomeDenied, "revoked_key")
	proof, _, ok := strings.Cut(rest, " revoked by file ")
	l.proved(&e, proof)
	return e, ok
}

// eventText makes foreign text fit for an event.
func eventText(s string) string {
	s = retinue.CleanName(s[:min(len(s), 4*retinue.MaxEventText)])
	if len(s) > retinue.MaxEventText {
		s = strings.ToValidUTF8(s[:retinue.MaxEventText], "")
	}
	return s
}
