//go:build !live

package app_test

// crashRuns is how often the scan is killed on SQLite; the live tests do it
// more often.
const crashRuns = 30
