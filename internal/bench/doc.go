// Package bench is NHI-Bench: it makes up an enterprise whose truth is known,
// and scores what a product concluded about it.
//
// # The enterprise
//
// [Generate] writes a folder: exports of AWS accounts, Kubernetes clusters,
// PostgreSQL servers, machines, repositories and a staff list in the formats of
// the vendors' own tools, the logs that these systems would have written over a
// stretch of days (CloudTrail, Kubernetes audit, PostgreSQL csvlog, GitHub
// audit, sshd), a manifest of what to read as what, and truth.json, which a
// product that is measured must not read. Equal options give equal bytes. Days
// are made one at a time, so memory does not grow with their number.
//
// What each identity does follows from its rhythm, from where it runs and from
// what was planted: identities that stopped for good, new ones, credentials that
// several consumers share or that people use by hand, keys that leaked, denied
// bursts, permissions that were widened, logs that were switched off or lost,
// uses that a log does not record, deliveries that came late, twice or out of
// order. Each of these can be left out with [Options.Without].
//
// [Events] yields events directly, without files, at the rate that a storage
// benchmark needs.
//
// # The score
//
// [Score] compares [Conclusions] with a [Truth]: dormancy by rhythm and by grade
// of evidence, consumers, shared credentials, owners, and signals of attacks,
// with 95 % Wilson intervals. An answer of "unknown" is counted apart and is
// neither right nor wrong. A silence that is stated with grade A or B while the
// identity acted is counted by itself: there must be none.
package bench
