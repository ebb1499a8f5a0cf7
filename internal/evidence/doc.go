// Package evidence makes what Retinue says provable to somebody who does not
// trust it: a hash-chained audit log, Merkle roots over what a scope changed,
// commitments to personal data that can be erased, and signed checkpoints that
// a database administrator cannot rewrite.
//
// It is a pure library. Records and changes come in through iterators, keys
// and archives through readers and small files; the store keeps the rows. All
// of it can be checked offline, from the documents alone: the encodings are
// those written in the comments of [retinue.Record.ComputeHash],
// [VersionChange.Leaf], [Commit] and [Checkpoint], and in docs/audit.md.
//
// What each part proves, and against whom:
//
//   - The chain alone shows any change, removal or reordering inside a log,
//     made by someone who cannot compute it anew to its end.
//   - A checkpoint kept elsewhere shows truncation, and a tail or a whole log
//     that was computed anew.
//   - Its signature shows that the checkpoint itself was made by the holder of
//     the key, which lies outside the database.
package evidence
