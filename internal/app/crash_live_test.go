//go:build live

package app_test

import (
	"path/filepath"
	"testing"
)

// TestKilledScansLoseNothingLive is TestKilledScansLoseNothing with more kills.
func TestKilledScansLoseNothingLive(t *testing.T) {
	dir := t.TempDir()
	killAndCheck(t, dir, filepath.Join(dir, "r.db"), 200)
}
