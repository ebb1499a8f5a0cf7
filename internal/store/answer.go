package store

// AnswerKey names a request that must be carried out once: who sent it, what
// it asks for, and the key that the sender gave it.
type AnswerKey struct {
	Caller    string
	Operation string
	Key       string
	// Request is a digest of the request: the same key with another request
	// is a mistake.
	Request string
}
