package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// The vector that docs/audit.md gives to other implementations is right.
func TestDocumentedVector(t *testing.T) {
	raw, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(raw), "A vector: the text\n\n```\n")
	if !ok {
		t.Fatal("docs/audit.md has no vector")
	}
	text, rest, _ := strings.Cut(rest, "\n```")
	sum := sha256.Sum256([]byte(text))
	if want := "has the hash `" + hex.EncodeToString(sum[:]) + "`"; !strings.Contains(rest, want) {
		t.Errorf("docs/audit.md does not say that the text %s", want)
	}
}
