// Package export writes what Retinue knows to files that other people and
// programs read: JSON, CSV and XLSX tables of anything, SARIF 2.1.0 and OCSF of
// findings, OCSF of audit records. Every writer streams: its memory does not
// grow with the rows.
//
// Each file has a [Manifest] beside it that says what was asked, as of when, by
// whom, of which sources (and how complete those are), how many rows came out
// and what their SHA-256 is, so that a file can be told apart from one that was
// changed, and a whole answer from a partial one.
package export
