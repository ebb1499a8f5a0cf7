package awsiam

// memory is room for what is read of one text. What belongs together lies
// together, so that a document costs few allocations.
type memory struct {
	// size is the length of the text, from which follows how much is taken at a
	// time.
	size int
	// once says that what is read is asked about once, so that it is not worth
	// preparing more than the question needs.
	once       bool
	statements slab[Statement]
	texts      slab[string]
	actions    slab[actionPattern]
	resources  slab[resourcePattern]
	principals slab[Principals]
	named      slab[principalPattern]
	conditions slab[Condition]
	matchers   slab[matcher]
	documents  slab[documentRoom]
	policies   slab[*Policy]
	levels     slab[Level]
	entries    slab[entry]
}

// documentRoom is a policy with its document.
type documentRoom struct {
	policy   Policy
	document compiled
}

// maxRoom bounds what is taken at a time beyond what is asked for, and what is
// kept from one text to the next.
const maxRoom = 64

// share is the number of things to make room for if there is one in so many
// bytes of the text.
func (m *memory) share(bytes int) int { return min(m.size/bytes+1, maxRoom) }

// reset frees everything for another text. What was read before must not be used
// any more.
func (m *memory) reset() {
	m.statements.reset()
	m.texts.reset()
	m.actions.reset()
	m.resources.reset()
	m.principals.reset()
	m.named.reset()
	m.conditions.reset()
	m.matchers.reset()
	m.documents.reset()
	m.policies.reset()
	m.levels.reset()
	m.entries.reset()
}

// slab is a list of which shorter lists are cut.
type slab[T any] struct{ all, free []T }

// room returns an empty list from the front of what is free, with room for n. It
// is appended to, also beyond n, and given to taken before another is asked for.
func (s *slab[T]) room(n, share int) []T {
	if cap(s.free) < n {
		s.all = make([]T, 0, max(n, share, min(2*cap(s.all), maxRoom)))
		s.free = s.all
	}
	return s.free
}

// taken returns the list with nothing behind it, and keeps what is free.
func (s *slab[T]) taken(list []T) []T {
	if cap(list) != cap(s.free) { // it has outgrown its place
		s.all = list[:0]
	}
	n := len(list)
	s.free = list[n:]
	return list[:n:n]
}

func (s *slab[T]) reset() {
	if cap(s.all) > 4*maxRoom {
		s.all = nil
	}
	s.free = s.all
}
