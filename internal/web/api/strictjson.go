package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth bounds how deep a body nests.
const maxDepth = 32

// unmarshal reads one JSON value. A key that stands twice in an object is
// refused, since readers differ in which of the two they believe, and so is
// what nests too deep.
func unmarshal(data []byte, v any) error {
	if _, first := v.(*any); first { // the reading for validation, which comes first
		if err := checkJSON(data); err != nil {
			return err
		}
	}
	return json.Unmarshal(data, v)
}

// level is an object or a list that is being read. keys is nil in a list.
type level struct {
	keys map[string]bool
	want bool // a key comes next
}

func checkJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var stack []level
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if stack, err = step(stack, tok); err != nil {
			return err
		}
	}
}

func step(stack []level, tok json.Token) ([]level, error) {
	if d, ok := tok.(json.Delim); ok {
		switch d {
		case '{', '[':
			if len(stack) == maxDepth {
				return stack, fmt.Errorf("nests deeper than %d", maxDepth)
			}
			l := level{}
			if d == '{' {
				l = level{keys: map[string]bool{}, want: true}
			}
			return append(stack, l), nil
		}
		return ended(stack[:len(stack)-1]), nil
	}
	if text, ok := tok.(string); ok && strings.ContainsRune(text, 0) {
		return stack, errors.New("a string holds a null byte, which PostgreSQL cannot keep")
	}
	if n := len(stack); n > 0 && stack[n-1].keys != nil && stack[n-1].want {
		key, _ := tok.(string)
		if stack[n-1].keys[key] {
			return stack, fmt.Errorf("key %q stands twice", key)
		}
		stack[n-1].keys[key], stack[n-1].want = true, false
		return stack, nil
	}
	return ended(stack), nil
}

// ended notes that a value ended: in an object a key comes next.
func ended(stack []level) []level {
	if n := len(stack); n > 0 && stack[n-1].keys != nil {
		stack[n-1].want = true
	}
	return stack
}
