package escalate

// slab makes values that are all given up at once, in room that is then used
// again. The zero slab is empty.
type slab[T any] struct {
	chunks [][]T
	used   int // of the values
}

const slabChunk = 64

// next is a zero value.
func (s *slab[T]) next() *T {
	i := s.used / slabChunk
	if i == len(s.chunks) {
		s.chunks = append(s.chunks, make([]T, slabChunk))
	}
	s.used++
	return &s.chunks[i][(s.used-1)%slabChunk]
}

// reset gives up all values, and the room of more than most.
func (s *slab[T]) reset() {
	const most = 128
	if len(s.chunks) > most {
		clear(s.chunks[most:])
		s.chunks = s.chunks[:most]
	}
	for i := 0; i < len(s.chunks) && i*slabChunk < s.used; i++ {
		clear(s.chunks[i])
	}
	s.used = 0
}
