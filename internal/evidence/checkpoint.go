package evidence

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/retinue-id/retinue"
)

// maxCheckpoint bounds a signed checkpoint, in bytes.
const maxCheckpoint = 64 << 10

// Checkpoint is the state of an audit log at a time. Its text has the form of a
// C2SP checkpoint (https://c2sp.org/tlog-checkpoint), carried in a C2SP signed
// note (https://c2sp.org/signed-note):
//
//	<origin>
//	<number of records, decimal>
//	<hash of the last record, 32 bytes in base64>
//	time <RFC 3339, UTC>
//
// The third line is the head of the hash chain, where a Merkle log has the root
// of its tree: whoever holds it can hold a log to it by computing the chain.
type Checkpoint struct {
	// Origin names the log: the installation's audit log and no other.
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	// Head is the hash of record Size, hexadecimal; RecordGenesis for none.
	Head string    `json:"head"`
	At   time.Time `json:"at,omitzero"`
}

// Text returns the text that is signed, or what is wrong with the checkpoint.
func (c Checkpoint) Text() (string, error) {
	if err := c.validate(); err != nil {
		return "", err
	}
	raw, _ := hex.DecodeString(c.Head) // validate checked the form
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(raw))
	if !c.At.IsZero() {
		fmt.Fprintf(&b, "time %s\n", c.At.UTC().Format(time.RFC3339Nano))
	}
	return b.String(), nil
}

func (c Checkpoint) validate() error {
	switch {
	case c.Origin == "" || strings.ContainsAny(c.Origin, " \t\r\n+") || retinue.CleanName(c.Origin) != c.Origin:
		return fmt.Errorf("%w: checkpoint origin %q: want a name without white space, plus or control characters", retinue.ErrInvalid, c.Origin)
	case c.Size < 0:
		return fmt.Errorf("%w: checkpoint of %d records", retinue.ErrInvalid, c.Size)
	case !isHash(c.Head):
		return fmt.Errorf("%w: checkpoint head %q: want 64 hexadecimal characters", retinue.ErrInvalid, c.Head)
	}
	return nil
}

// parseCheckpoint reads what Text writes. It accepts extension lines that it
// does not know.
func parseCheckpoint(text string) (Checkpoint, error) {
	bad := func(line int, want string) (Checkpoint, error) {
		return Checkpoint{}, fmt.Errorf("%w: checkpoint line %d: want %s", retinue.ErrInvalid, line, want)
	}
	if !strings.HasSuffix(text, "\n") {
		return bad(1, "text that ends in a newline")
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 3 {
		return bad(len(lines), "origin, size and hash")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || strconv.FormatInt(size, 10) != lines[1] {
		return bad(2, "the number of records")
	}
	head, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(head) != 32 {
		return bad(3, "32 bytes in base64")
	}
	c := Checkpoint{Origin: lines[0], Size: size, Head: hex.EncodeToString(head)}
	for i, l := range lines[3:] {
		v, ok := strings.CutPrefix(l, "time ")
		if !ok {
			continue
		}
		if c.At, err = time.Parse(time.RFC3339Nano, v); err != nil {
			return bad(4+i, "a time as in RFC 3339")
		}
	}
	return c, c.validate()
}

// Sign returns the checkpoint as a signed note.
func (k SigningKey) Sign(c Checkpoint) ([]byte, error) {
	text, err := c.Text()
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	if c.Origin != k.Origin() {
		return nil, fmt.Errorf("%w: sign checkpoint: the key is for %s, the checkpoint of %s", retinue.ErrInvalid, k.Origin(), c.Origin)
	}
	msg, err := note.Sign(&note.Note{Text: text}, k.signer)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint: %w", err)
	}
	return msg, nil
}

// OpenCheckpoint reads a signed checkpoint and checks its signature with a
// public key in the form that SigningKey.Public returns. It needs nothing else:
// no database, no network.
func OpenCheckpoint(msg []byte, publicKey string) (Checkpoint, error) {
	if len(msg) > maxCheckpoint {
		return Checkpoint{}, fmt.Errorf("%w: open checkpoint: %d bytes: the limit is %d", retinue.ErrInvalid, len(msg), maxCheckpoint)
	}
	publicKey = strings.TrimSpace(publicKey)
	v, err := note.NewVerifier(publicKey)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: open checkpoint: public key: %w", retinue.ErrInvalid, err)
	}
	if !strings.HasPrefix(publicKey, fmt.Sprintf("%s+%08x+", v.Name(), v.KeyHash())) {
		return Checkpoint{}, fmt.Errorf("%w: open checkpoint: public key: its hash is not in lower case", retinue.ErrInvalid)
	}
	n, err := note.Open(msg, note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: open checkpoint: %w", retinue.ErrInvalid, err)
	}
	// The last character of a signature's base64 has bits that mean nothing;
	// they must be zero, so that one signature has one spelling.
	for _, s := range n.Sigs {
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return Checkpoint{}, fmt.Errorf("%w: open checkpoint: signature of %s: %w", retinue.ErrInvalid, s.Name, err)
		}
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("open checkpoint: %w", err)
	}
	if c.Origin != v.Name() {
		return Checkpoint{}, fmt.Errorf("%w: open checkpoint: signed by %s, for the log of %s", retinue.ErrInvalid, v.Name(), c.Origin)
	}
	return c, nil
}
