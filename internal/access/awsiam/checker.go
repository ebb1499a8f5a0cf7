package awsiam

import "github.com/retinue-id/retinue/internal/access"

// Checker answers one question after the other, and reads each into the memory
// of the one before. It is used by one goroutine. The zero Checker is ready.
type Checker struct {
	reader caseReader
	asked  question
}

// Check answers what ParseCase reads as Case.Decide does.
func (c *Checker) Check(line string) (access.Decision, error) {
	r := &c.reader
	r.again()
	if err := r.question(line); err != nil {
		return access.Decision{}, err
	}
	hits := c.asked.hits[:0]
	if cap(hits) > maxRoom {
		hits = nil
	}
	c.asked = newQuestion(&r.c.Layers, &r.c.Request, Closed)
	c.asked.hits = hits
	return c.asked.decide(), nil
}

// again prepares the reader for another question.
func (r *caseReader) again() {
	r.memory.reset()
	r.once = true
	r.i, r.depth = 0, 0
	r.c, r.documentsRead = Case{}, 0
}
