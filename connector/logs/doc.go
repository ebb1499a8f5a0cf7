// Package logs reads logs for connectors: files, folders and patterns of them,
// plain or compressed with gzip, as lines, JSON or CSV, from where the last run
// stopped.
//
// A connector that reads a log gives [Read] a decoder of one record and the
// paths; everything else is here: which file is which after it was rotated,
// where reading stands, what to do about a record that is damaged, how events
// are put into batches, and what to tell the person who waits.
//
// # What an input is
//
// A file is known by its beginning and not by its name: the digest of its first
// lines (at least 128 bytes of them, and more where two files begin alike) names
// it in [connector.Batch]. Of a shorter file everything is its beginning; it is
// read again, and its events counted once by their ids, when it has grown. Its position is an offset into the content as it is when
// uncompressed, and carries a digest of the bytes just before it. So a file that
// was renamed, copied and truncated, or compressed since is the same input and is
// read on from where it was, and a file that was replaced under the old name is
// another.
//
// A file that a path names by itself is followed: where it holds other content
// than when it was read last, the rest of what it held is looked for beside it, by
// the names that rotation gives, and read first. What is nowhere is a gap, told with
// the times between which it was written. Where the file stands is kept as the
// position of an input of its own, "file PATH".
//
// Of a file that still grows, which is one that changed within a minute, only
// whole lines and closed JSON documents are taken; of what is left for the next
// run a note tells. A compressed file that ends within a member gives everything
// before the cut, then a fault that unwraps to io.ErrUnexpectedEOF.
//
// A [Decoder] that needs earlier records to understand later ones is a [Carrier]:
// what it carries, at most [MaxCarried] things and 64 KiB, is kept in the position,
// so that a log gives the same events in however many pieces it is read.
//
// # Bounds
//
// A record is at most [Options.MaxRecord] bytes; a longer one is skipped without
// being held and reported. JSON is at most [MaxDepth] deep. Memory is a few
// buffers of a record's size for each worker, whatever the input.
package logs
