// Package awsiam is an exact evaluator of AWS IAM's policy language, and
// summarises single documents of it.
//
// [Parse] turns a document into an immutable, compiled [Policy]; [Layers] says
// which policies apply to a request in which part; [Decide] answers whether AWS
// would allow a [Request], with the statements that decide. [ParseCase] reads
// the question files of "retinue access check".
//
// The rules come from the IAM User Guide, whose pages the comments name by
// their titles: "Policy evaluation logic", "Cross-account policy evaluation
// logic", "Grammar of the IAM JSON policy language" and the pages of "IAM JSON
// policy element reference". Where AWS's documents leave something open, and
// where another evaluator answers otherwise, docs/access-disagreements.md says
// what is answered here and why.
//
// Nothing here reads a clock, a file or a network, and there is no state: all
// values may be used from several goroutines once made.
//
// [Summarize] is no evaluation: it applies no condition, deny, boundary or
// organisation policy; the summary's Conditional and HasDeny say when the truth
// may be less.
package awsiam
