package graph

// joints are the steps with several sources during a search.
type joints struct {
	seen stamps  // steps of which some source was reached
	left []int32 // sources that are not
	sum  []int32 // the hops of those that are, together
	heap []arrival
}

// arrival is a step with several sources, all reached, and the hops with which
// it comes to its To.
type arrival struct {
	hops int32
	step StepID
}

func (a arrival) before(b arrival) bool {
	return a.hops < b.hops || a.hops == b.hops && a.step < b.step
}

func (j *joints) begin(steps int) {
	j.heap = j.heap[:0]
	if steps == 0 {
		return
	}
	j.seen.clear(steps)
	if len(j.left) < steps {
		j.left, j.sum = make([]int32, steps), make([]int32, steps)
	}
}

// count notes that one more of a step's sources is reached by so many hops. When
// all are, it returns their hops together, at most the largest int32: sums can
// double with each step.
func (j *joints) count(i, sources int, hops int32) (sum int32, all bool) {
	if !j.seen.has(int32(i)) {
		j.seen.add(int32(i))
		j.left[i], j.sum[i] = int32(sources), 0
	}
	j.left[i]--
	j.sum[i] = min(j.sum[i], unlimited-hops) + hops
	return j.sum[i], j.left[i] == 0
}

// due takes out a step that comes to its To by so many hops or fewer.
func (j *joints) due(hops int32) (StepID, bool) {
	h := j.heap
	if len(h) == 0 || h[0].hops > hops {
		return None, false
	}
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].before(h[least]) {
				least = child
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	j.heap = h
	return first.step, true
}

func (j *joints) push(a arrival) {
	j.heap = append(j.heap, a)
	h := j.heap
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}
