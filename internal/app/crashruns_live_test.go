//go:build live

package app_test

// crashRuns is how often the scan is killed on SQLite.
const crashRuns = 200
