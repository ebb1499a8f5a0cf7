// Package retinue is the vocabulary of Retinue, which governs non-human
// identities (NHIs): service accounts, roles, API keys, bots, OAuth apps,
// pipelines, workloads, certificates, SSH keys and AI agents.
//
// It holds the nouns that every other package shares and nothing that acts on
// them: what a source can say about a system ([Fact]), what it is about
// ([Realm], [Ref], [Scope]), what follows from it ([Finding], [Record],
// [Registration]), and the types that keep a secret from being carried as a
// value ([Secret], [Fingerprint]). It imports the standard library only, so a
// connector written outside this repository depends on nothing else of ours
// but this package and package connector.
//
// # How the nouns fit together
//
// A Source is one configured access to a system. It observes a Realm, the
// system's own stable identity, through Scopes: parts of the realm that can be
// listed completely. It states Facts, each about the thing a Ref names. Only a
// completed Scope can end a fact. Facts about the same thing, whichever source
// stated them, are joined into one entity with one public id.
//
// JSON field names and the values of the enumerations are a contract: they
// appear in exports, in the API and in facts that other programs write.
package retinue
