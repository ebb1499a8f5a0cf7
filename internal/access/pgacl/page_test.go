package pgacl_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access/pgacl"
)

// TestPage: the page has a line for every technique of the catalogue.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/access-postgres.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, technique := range pgacl.Techniques() {
		line := fmt.Sprintf("| %s | %s | %s | %s |", technique.ID, technique.Title, technique.Gain, strings.TrimPrefix(technique.Source, "PostgreSQL manual, "))
		if !strings.Contains(string(page), line) {
			t.Errorf("the page lacks\n%s", line)
		}
	}
}
