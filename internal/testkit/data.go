// Package testkit is what tests of several packages share: the sample data, the
// programs of other projects, and small helpers. Only test files import it.
package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The environment of the tests.
const (
	// DataEnv names the folder of the sample data.
	DataEnv = "RETINUE_TESTDATA"
	// RequireAllEnv, set to 1, turns every skip for something absent into a
	// failure. Continuous integration sets it.
	RequireAllEnv = "RETINUE_REQUIRE_ALL"
)

// Data returns the path of a file or folder of the sample data. The data is
// looked for in the folder that RETINUE_TESTDATA names, else in ../shared/data
// beside the checkout, found by walking up from the working directory. Where it
// is absent the test is skipped, saying why, or fails under
// RETINUE_REQUIRE_ALL=1. A file that is absent from a present folder is a
// failure: it is a wrong name.
func Data(t testing.TB, elem ...string) string {
	t.Helper()
	root := dataRoot(t)
	if root == "" {
		absent(t, "sample data: %s is not set and no shared/data folder lies beside the checkout", DataEnv)
		return ""
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("sample data: %v", err)
	}
	return path
}

// Need returns the path of a program, or skips the test (fails under
// RETINUE_REQUIRE_ALL=1) naming the Debian package that holds it.
func Need(t testing.TB, program, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		absent(t, "program %s is not on PATH: install the Debian package %s", program, debianPackage)
	}
	return path
}

// Absent skips a test for something that is not there, or fails it under
// RETINUE_REQUIRE_ALL=1.
func Absent(t testing.TB, reason string) {
	t.Helper()
	absent(t, "%s", reason)
}

func absent(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv(RequireAllEnv) == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// dataRoot returns the folder of the sample data, or "". A folder that is named
// and absent counts as absent, so that a wrong setting shows as a skip.
func dataRoot(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv(DataEnv); dir != "" {
		if isDir(dir) {
			return dir
		}
		return ""
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("find sample data: %v", err)
	}
	for {
		if isDir(filepath.Join(dir, "..", "shared", "data")) && isFile(filepath.Join(dir, "go.mod")) {
			return filepath.Join(dir, "..", "shared", "data")
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

func isDir(path string) bool {
	i, err := os.Stat(path)
	return err == nil && i.IsDir()
}

func isFile(path string) bool {
	i, err := os.Stat(path)
	return err == nil && i.Mode().IsRegular()
}
