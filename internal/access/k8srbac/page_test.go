package k8srbac_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access/k8srbac"
)

// TestPage: the page has a line for every technique of the catalogue.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/access-kubernetes.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, technique := range k8srbac.Techniques() {
		line := fmt.Sprintf("| %s | %s | %s | %s |", technique.ID, technique.Title, technique.Gain, strings.TrimPrefix(technique.Source, "Kubernetes documentation, "))
		if !strings.Contains(string(page), line) {
			t.Errorf("the page lacks\n%s", line)
		}
	}
}
