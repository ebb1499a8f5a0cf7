package repo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/retinue-id/retinue"
)

// The bounds on YAML: documents are read as nodes, which keeps aliases as
// references, and at most so many nodes are visited, aliases followed.
const (
	maxYAML      = 2 << 20
	maxDocuments = 500
	maxVisits    = 200_000
	maxYAMLDepth = 200
)

// parseYAML returns the documents of a file as nodes.
func parseYAML(data []byte) ([]*yaml.Node, error) {
	if len(data) > maxYAML {
		return nil, fmt.Errorf("%w: YAML of %d bytes: the limit is %d", retinue.ErrInvalid, len(data), maxYAML)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var docs []*yaml.Node
	for len(docs) < maxDocuments {
		var n yaml.Node
		err := dec.Decode(&n)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return docs, fmt.Errorf("%w: not YAML", retinue.ErrInvalid) // the cause may quote the file
		}
		if n.Kind != yaml.DocumentNode || len(n.Content) != 1 {
			continue
		}
		if expanded(n.Content[0], map[*yaml.Node]int{}, 0) > maxVisits {
			return docs, fmt.Errorf("%w: YAML whose aliases expand to more than %d values, or whose values nest deeper than %d",
				retinue.ErrInvalid, maxVisits, maxYAMLDepth)
		}
		docs = append(docs, n.Content[0])
	}
	return docs, nil
}

// expanded returns how many nodes a node has with its aliases written out, or
// something larger than the limit: for more, for too deep, and for a node that
// contains itself. Every reader may then walk the tree without counting.
func expanded(n *yaml.Node, known map[*yaml.Node]int, depth int) int {
	if count, ok := known[n]; ok {
		return count
	}
	if depth > maxYAMLDepth {
		return maxVisits + 1
	}
	known[n] = maxVisits + 1 // while it is counted: it would contain itself
	total := 1
	if n.Kind == yaml.AliasNode {
		total += expanded(n.Alias, known, depth+1)
	}
	for _, c := range n.Content {
		if total += expanded(c, known, depth+1); total > maxVisits {
			return maxVisits + 1
		}
	}
	known[n] = total
	return total
}

// deref follows an alias, once: an alias of an alias cannot be written.
func deref(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// child returns the value under a path of keys, or nil.
func child(n *yaml.Node, keys ...string) *yaml.Node {
	for _, k := range keys {
		n = lookup(n, k, 0)
	}
	return deref(n)
}

// lookup returns the value of a key, merged mappings included. They can contain
// themselves, so the depth is bounded.
func lookup(n *yaml.Node, key string, depth int) *yaml.Node {
	n = deref(n)
	if n == nil || n.Kind != yaml.MappingNode || depth > 10 {
		return nil
	}
	var found *yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
		if n.Content[i].Tag == "!!merge" && found == nil {
			found = lookup(n.Content[i+1], key, depth+1)
		}
	}
	return found
}

// textAt returns a scalar's text under a path of keys.
func textAt(n *yaml.Node, keys ...string) string {
	if c := child(n, keys...); c != nil && c.Kind == yaml.ScalarNode {
		return strings.TrimSpace(c.Value)
	}
	return ""
}

// pair is a key of a mapping with its value.
type pair struct {
	key   string
	line  int
	value *yaml.Node
}

// pairs returns the keys and values of a mapping, in order.
func pairs(n *yaml.Node) []pair {
	n = deref(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	out := make([]pair, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		out = append(out, pair{n.Content[i].Value, n.Content[i].Line, deref(n.Content[i+1])})
	}
	return out
}

// items returns the elements of a sequence; a scalar is a sequence of one.
func items(n *yaml.Node) []*yaml.Node {
	n = deref(n)
	if n == nil {
		return nil
	}
	switch n.Kind {
	case yaml.SequenceNode:
		out := make([]*yaml.Node, len(n.Content))
		for i, c := range n.Content {
			out[i] = deref(c)
		}
		return out
	case yaml.ScalarNode:
		if n.Tag != "!!null" {
			return []*yaml.Node{n}
		}
	}
	return nil
}

// texts returns the scalars of a sequence, or one scalar.
func texts(n *yaml.Node) []string {
	var out []string
	for _, c := range items(n) {
		if c.Kind == yaml.ScalarNode && c.Value != "" {
			out = append(out, c.Value)
		}
	}
	return out
}

// scalars calls each with every scalar value below a node and the key that it
// stands under, up to the bounds.
func scalars(n *yaml.Node, each func(key string, value *yaml.Node)) {
	left := maxVisits
	var visit func(key string, n *yaml.Node, depth int)
	visit = func(key string, n *yaml.Node, depth int) {
		n = deref(n)
		if left--; n == nil || left < 0 || depth > maxYAMLDepth {
			return
		}
		switch n.Kind {
		case yaml.ScalarNode:
			each(key, n)
		case yaml.SequenceNode:
			for _, c := range n.Content {
				visit(key, c, depth+1)
			}
		case yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				visit(n.Content[i].Value, n.Content[i+1], depth+1)
			}
		}
	}
	visit("", n, 0)
}
