package graph

import (
	"encoding/binary"
	"slices"

	"github.com/retinue-id/retinue/internal/access"
)

// pool numbers values by a key, from 1; 0 is the value that is not there.
type pool[K comparable, V any] struct {
	byKey  map[K]int32
	values []V
}

// number returns the number of a key's value, and whether it is new, so that
// the caller appends the value.
func (p *pool[K, V]) number(key K) (n int32, isNew bool) {
	if n, ok := p.byKey[key]; ok {
		return n, false
	}
	if p.byKey == nil {
		p.byKey = make(map[K]int32)
	}
	n = int32(len(p.byKey)) + 1
	p.byKey[key] = n
	return n, true
}

// at is the value of a number; that of 0 is the zero value.
func (p *pool[K, V]) at(n int32) (v V) {
	if n == 0 {
		return v
	}
	return p.values[n-1]
}

// listNumber numbers a list by its encoding, which lookups do not copy.
func listNumber[V any](p *pool[string, []V], code []byte, list []V) int32 {
	if len(list) == 0 {
		return 0
	}
	if n, ok := p.byKey[string(code)]; ok {
		return n
	}
	n, _ := p.number(string(code))
	p.values = append(p.values, slices.Clone(list))
	return n
}

// column is a number for every step. One that no step has takes no room, and
// one that the last steps do not have ends before them.
type column []int32

func (c *column) set(i int, v int32) {
	if v == 0 {
		return
	}
	if grow := i + 1 - len(*c); grow > 0 {
		*c = slices.Grow(*c, grow)[:i+1]
	}
	(*c)[i] = v
}

func (c column) at(i StepID) int32 {
	if int(i) >= len(c) {
		return 0
	}
	return c[i]
}

// ordered returns the column in another order: its i-th is the old order[i]-th.
func (c column) ordered(order []StepID) column {
	if len(c) == 0 {
		return nil
	}
	out := make(column, len(order))
	for i, old := range order {
		out[i] = c.at(old)
	}
	return out
}

// The encodings below are keys of pools: different lists have different ones.

func putText(code []byte, text string) []byte {
	return append(binary.AppendUvarint(code, uint64(len(text))), text...)
}

func putTexts(code []byte, texts []string) []byte {
	code = binary.AppendUvarint(code, uint64(len(texts)))
	for _, t := range texts {
		code = putText(code, t)
	}
	return code
}

func putReasons(code []byte, reasons []access.Reason) []byte {
	for _, r := range reasons {
		code = putTexts(code, []string{r.Layer, r.Document, r.Statement, r.Effect, r.Text})
	}
	return code
}

func putConditions(code []byte, list []access.Condition) []byte {
	code = binary.AppendUvarint(code, uint64(len(list)))
	for _, c := range list {
		code = putTexts(code, []string{c.Key, c.Operator, c.Text})
		code = putTexts(code, c.Values)
		negated := byte(0)
		if c.Negated {
			negated = 1
		}
		code = append(code, negated)
		code = putConditions(code, c.AnyOf)
		code = putConditions(code, c.AllOf)
	}
	return code
}

func putNeeds(code []byte, needs [][]GrantID) []byte {
	for _, need := range needs {
		code = binary.AppendUvarint(code, uint64(len(need)))
		for _, g := range need {
			code = binary.AppendUvarint(code, uint64(g)) //nolint:gosec // ids are not negative
		}
	}
	return code
}
