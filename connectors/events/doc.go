// Package events reads events in the program's own words: one JSON object a line
// that says, field by field, what a [retinue.Event] is. It is for logs that no
// other reader understands. A field that is not known is a fault, so that a
// misspelt one is not lost. The kind is "ndjson"; docs/connectors/ndjson.md and
// ndjson.schema.json beside it describe the form.
package events
