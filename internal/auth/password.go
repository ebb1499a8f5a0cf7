package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"github.com/retinue-id/retinue"
)

// The length of passwords. NIST SP 800-63B-4, section 3.1.1.2: length is what
// counts, no rules of composition, no forced change, at least 64 characters
// allowed, commonly used ones refused.
const (
	MinPassword = 12
	MaxPassword = 256
)

// Cost is how dear one guess of a password is.
type Cost struct {
	Time    uint32 // passes
	Memory  uint32 // KiB
	Threads uint8
}

// DefaultCost is the second recommended option of RFC 9106, section 4.
func DefaultCost() Cost { return Cost{Time: 3, Memory: 64 << 10, Threads: 4} }

const (
	saltLength = 16
	hashLength = 32
	// hashSlots bounds how many hashes are computed at once, and so the memory
	// that guesses can take: four times 64 MiB.
	hashSlots = 4
	// hashWaiting bounds how many requests wait for a slot; more are told to
	// come back.
	hashWaiting = 64
)

// Passwords hashes and checks passwords by argon2id (RFC 9106). It is safe for
// concurrent use.
type Passwords struct {
	cost    Cost
	slots   chan struct{}
	waiting chan struct{}
	dummy   string
}

// NewPasswords returns a hasher of a cost.
func NewPasswords(cost Cost) *Passwords {
	p := &Passwords{cost: cost, slots: make(chan struct{}, hashSlots), waiting: make(chan struct{}, hashWaiting)}
	var salt [saltLength]byte
	mustRandom(salt[:])
	p.dummy = p.encode(salt[:], make([]byte, hashLength))
	return p
}

// Hash returns the argon2id string of a password, in the PHC form
// $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	var salt [saltLength]byte
	mustRandom(salt[:])
	release, err := p.enter(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	return p.encode(salt[:], p.key(password, salt[:], p.cost, hashLength)), nil
}

// Verify reports whether a password is the one of a hash. An empty hash is that
// of an account without a password, or of no account: it takes as long and is
// never right. Stale says that the hash was made at another cost and should be
// made again.
func (p *Passwords) Verify(ctx context.Context, encoded, password string) (ok, stale bool, err error) {
	known := encoded != ""
	if !known {
		encoded = p.dummy
	}
	cost, salt, want, err := parseHash(encoded)
	if err != nil {
		return false, false, err
	}
	release, err := p.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer release()
	if len(password) > 4*MaxPassword {
		password, known = "", false
	}
	got := p.key(password, salt, cost, uint32(len(want)))
	ok = subtle.ConstantTimeCompare(got, want) == 1 && known
	return ok, ok && cost != p.cost, nil
}

// enter waits for one of the slots in which hashes are computed.
func (p *Passwords) enter(ctx context.Context) (release func(), err error) {
	select {
	case p.waiting <- struct{}{}:
		defer func() { <-p.waiting }()
	default:
		return nil, fmt.Errorf("%w: check password: too many sign-ins at once", retinue.ErrUnavailable)
	}
	select {
	case p.slots <- struct{}{}:
		return func() { <-p.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *Passwords) key(password string, salt []byte, c Cost, length uint32) []byte {
	return argon2.IDKey([]byte(normal(password)), salt, c.Time, c.Memory, c.Threads, length)
}

// normal is the form in which passwords are compared: one that two keyboards
// write in different code points is one (NIST SP 800-63B-4, section 3.1.1.2).
func normal(password string) string { return norm.NFKC.String(password) }

func (p *Passwords) encode(salt, hash []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.cost.Memory, p.cost.Time, p.cost.Threads,
		b64.EncodeToString(salt), b64.EncodeToString(hash))
}

func parseHash(s string) (c Cost, salt, hash []byte, err error) {
	bad := fmt.Errorf("%w: read password hash: not an argon2id string", retinue.ErrInvalid)
	f := strings.Split(s, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, bad
	}
	if n, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &c.Memory, &c.Time, &c.Threads); err != nil || n != 3 {
		return c, nil, nil, bad
	}
	if c.Memory < 8 || c.Memory > 1<<20 || c.Time < 1 || c.Time > 64 || c.Threads < 1 {
		return c, nil, nil, bad
	}
	if salt, err = base64.RawStdEncoding.DecodeString(f[4]); err != nil || len(salt) < 8 {
		return c, nil, nil, bad
	}
	if hash, err = base64.RawStdEncoding.DecodeString(f[5]); err != nil || len(hash) < 16 || len(hash) > 64 {
		return c, nil, nil, bad
	}
	return c, salt, hash, nil
}

// CheckPassword reports a password that is too short, too long, or among the
// first that an attacker tries. Context are words that belong to the account,
// such as its login. There are no rules of composition.
func CheckPassword(password string, context ...string) error {
	invalid := func(why string) error {
		return &retinue.FieldError{Field: "body.password", Err: fmt.Errorf("%w: the password %s", retinue.ErrInvalid, why)}
	}
	if !utf8.ValidString(password) || strings.ContainsRune(password, 0) {
		return invalid("is not text")
	}
	p := normal(password)
	n := utf8.RuneCountInString(p)
	switch {
	case n < MinPassword:
		return invalid(fmt.Sprintf("has %d characters; at least %d make a good one: three or four unrelated words", n, MinPassword))
	case n > MaxPassword:
		return invalid(fmt.Sprintf("has %d characters; %d are the most", n, MaxPassword))
	}
	folded := strings.ToLower(p)
	core := strings.TrimFunc(folded, func(r rune) bool { return !('a' <= r && r <= 'z') && r < utf8.RuneSelf })
	for _, w := range commonPasswords() {
		if folded == w || core == w || strings.Trim(strings.ReplaceAll(folded, w, ""), "0123456789!?.#-_ ") == "" {
			return invalid("is one of those that are tried first")
		}
	}
	for _, w := range context {
		w = strings.ToLower(strings.TrimSpace(w))
		if len(w) >= 3 && strings.Contains(folded, w) && utf8.RuneCountInString(folded)-utf8.RuneCountInString(w) < 8 {
			return invalid("is little more than the name of the account")
		}
	}
	if period(folded) <= 4 || sequential(folded) {
		return invalid("repeats itself or counts up")
	}
	return nil
}

// commonPasswords are words at the root of the long passwords that are tried
// first. Longer lists belong to the organisation's own directory.
func commonPasswords() []string {
	return []string{"password", "passwort", "passw0rd", "p@ssword", "p@ssw0rd", "letmein", "welcome", "willkommen", "administrator",
		"admin", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "qwerty", "qwertz", "1q2w3e4r", "1qaz2wsx", "iloveyou",
		"changeme", "default", "secret", "monkey", "dragon", "sunshine", "princess", "football", "baseball", "superman", "trustno1",
		"correct horse battery staple", "correcthorsebatterystaple", "retinue", "retinueretinue", "summer", "winter", "spring", "autumn",
		"company", "test", "demo", "guest", "login", "master", "hello", "starwars", "whatever", "freedom", "computer", "internet"}
}

// period is the length of the shortest block whose repetition makes s.
func period(s string) int {
	r := []rune(s)
	for p := 1; p <= len(r)/2; p++ {
		same := true
		for i := p; i < len(r) && same; i++ {
			same = r[i] == r[i-p]
		}
		if same {
			return p
		}
	}
	return len(r)
}

// sequential reports text in which each character follows, or precedes, the
// one before it, as in 123456789012 and abcdefghijkl.
func sequential(s string) bool {
	r := []rune(s)
	up, down := 0, 0
	for i := 1; i < len(r); i++ {
		switch d := r[i] - r[i-1]; {
		case d == 1 || d == -9 && r[i] == '0':
			up++
		case d == -1 || d == 9 && r[i] == '9':
			down++
		}
	}
	return max(up, down) >= len(r)-2
}

func mustRandom(b []byte) {
	if _, err := rand.Read(b); err != nil {
		panic("auth: no randomness: " + err.Error()) // crypto/rand never fails on supported systems
	}
}
