// Package rules turns what the inventory knows into findings: conditions that
// should not hold, each about one subject, with what to do about it.
//
// Rules are data. A rule is a few lines of YAML with a condition in CEL (the
// Common Expression Language, https://cel.dev) over one [Subject]: an identity,
// credential, resource, trust, pipeline or source with what is attached to it
// and counts over the whole inventory that were computed beforehand. It carries
// its own cases, which must fire and must not, and [Test] runs them. A starting
// pack is part of the program ([Starter]); an organisation adds its own files in
// the same format ([Load]).
//
// # From a subject to findings
//
// [Compile] checks packs and makes a [Set], which is safe for concurrent use.
// [Set.Label] assigns environment, criticality and data class by the label
// rules. [Set.Evaluate] returns a [Hit] for each rule whose condition holds. A
// rule that fails on a subject is reported for that rule and subject; the others
// are evaluated all the same. [Next] is the life of a finding, and [Judge] does
// all of it for what a scan touched, one subject in memory at a time.
//
// # What is left out, and how that is shown
//
// Rules over identities and pipelines are not evaluated for persons, and no rule
// is evaluated for what is disabled, unless it says so: disabling fixed it.
// Findings about what a provider, package or platform manages carry a
// suppression text: they are counted and not listed.
package rules
