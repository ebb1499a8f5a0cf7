package awsiam

// memory is room for what is read of one text. What belongs together lies
// together, so that a document costs few allocations.
type memory struct {
	// size is the length of the text, from which follows how much is taken at a
	// time.
	size       int
	statements []Statement
	texts      []string
	actions    []actionPattern
	resources  []resourcePattern
	named      []principalPattern
	conditions []Condition
	matchers   []matcher
	policies   []documentRoom
	lists      []*Policy
}

// documentRoom is a policy with its document.
type documentRoom struct {
	policy   Policy
	document compiled
}

// maxRoom bounds what is taken at a time beyond what is asked for.
const maxRoom = 64

// share is the number of things to make room for if there is one in so many
// bytes of the text.
func (m *memory) share(bytes int) int { return min(m.size/bytes+1, maxRoom) }

// room returns an empty list from the front of what is free, with room for n. It
// is appended to, also beyond n, and given to taken before another is asked for.
func room[T any](free *[]T, n, share int) []T {
	if cap(*free) < n {
		*free = make([]T, 0, max(n, share))
	}
	return *free
}

// taken returns the list with nothing behind it, and keeps what is free.
func taken[T any](free *[]T, list []T) []T {
	n := len(list)
	*free = list[n:]
	return list[:n:n]
}
