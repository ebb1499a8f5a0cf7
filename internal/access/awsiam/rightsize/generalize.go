package rightsize

import (
	"maps"
	"slices"
	"strings"
)

// How many resources are named one by one before what they have in common is
// named instead. Ids say less than names, and everything of a type is much.
const (
	maxNames      = 8
	maxIDs        = 3
	maxTypeNames  = 50
	maxTypeIDs    = 8
	maxOldPattern = 8 // resources under a pattern of the old policy that cannot be narrowed
)

// node is a part of resources' names with all that follow it.
type node struct {
	path     string
	depth    int // 0 for the head of an ARN, 1 for the type
	leaf     bool
	children map[string]*node
}

// generalize returns patterns that cover the resources and that the part's
// grants cover, sorted.
func (p *part) generalize() []string {
	roots := make(map[string]*node)
	var out []string
	for _, r := range slices.Sorted(maps.Keys(p.used)) {
		head, kind, rest, ok := cutName(r)
		if !ok {
			out = append(out, escape(r))
			continue
		}
		root := roots[head]
		if root == nil {
			root = &node{path: head}
			roots[head] = root
		}
		root.insert(kind, rest)
	}
	var loose []string
	for _, head := range slices.Sorted(maps.Keys(roots)) {
		out = append(out, p.collapse(roots[head], false, &loose)...)
	}
	out = append(out, p.under(loose)...)
	return p.reduce(out)
}

// insert adds a name; kind is empty for services whose resources have no type
// in their names.
func (n *node) insert(kind, rest string) {
	n = n.child(kind, 1)
	for _, t := range tokens(rest) {
		n = n.child(t, n.depth+1)
	}
	n.leaf = true
}

func (n *node) child(token string, depth int) *node {
	c := n.children[token]
	if c == nil {
		if n.children == nil {
			n.children = make(map[string]*node)
		}
		c = &node{path: n.path + token, depth: depth}
		n.children[token] = c
	}
	return c
}

// collapse returns the patterns of a node. Names whose surroundings are not
// granted wholly are added to loose.
func (p *part) collapse(n *node, free bool, loose *[]string) []string {
	free = free || n.depth > 0 && p.free(n.path)
	if free && n.many() {
		return []string{escape(n.path) + "*"}
	}
	var out []string
	if n.leaf {
		out = append(out, escape(n.path))
	}
	for _, token := range slices.Sorted(maps.Keys(n.children)) {
		c := n.children[token]
		if !free && c.leaf {
			*loose = append(*loose, c.path)
		}
		out = append(out, p.collapse(c, free, loose)...)
	}
	return out
}

// many reports whether a node has more children than are named.
func (n *node) many() bool {
	names, ids := maxNames, maxIDs
	if n.depth == 1 {
		names, ids = maxTypeNames, maxTypeIDs
	}
	if n.depth == 0 || len(n.children) <= ids {
		return false
	}
	if len(n.children) > names {
		return true
	}
	count := 0
	for token := range n.children {
		if isID(strings.TrimRight(token, "/:")) {
			count++
		}
	}
	return count > ids
}

// free reports whether one grant covers everything that starts with a text.
func (p *part) free(start string) bool {
	if strings.ContainsAny(start, "*?") {
		return false
	}
	return slices.ContainsFunc(p.grants, func(g *grant) bool { return g.grantsAll(start + "*") })
}

// under names patterns of the old policy where they stand for many resources
// that lie in no part that is granted wholly.
func (p *part) under(loose []string) []string {
	var out []string
	for _, g := range p.grants {
		if g.not {
			continue
		}
		for i := range g.resources {
			x := &g.resources[i]
			if x.variable || !strings.ContainsAny(x.plain, "*?") {
				continue
			}
			n := 0
			for _, r := range loose {
				if x.match(r) {
					n++
				}
			}
			if n > maxOldPattern {
				out = append(out, x.text)
			}
		}
	}
	return out
}

// reduce sorts the patterns and drops those that another covers.
func (p *part) reduce(list []string) []string {
	slices.Sort(list)
	list = slices.Compact(list)
	var wide []pattern
	for _, text := range list {
		if strings.ContainsAny(text, "*?") && !strings.Contains(text, "${") {
			wide = append(wide, pattern{text: text, plain: text})
		}
	}
	return slices.DeleteFunc(list, func(text string) bool {
		return !strings.Contains(text, "${") && slices.ContainsFunc(wide, func(w pattern) bool {
			return w.text != text && w.matchAll(text) && (!newPatternOf(text).matchAll(w.plain) || w.text < text)
		})
	})
}

// cutName splits an ARN into what stands before the resource's own name, its
// type with the separator, and the rest.
func cutName(arn string) (head, kind, rest string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || strings.ContainsAny(arn, "*?") {
		return "", "", "", false
	}
	head, rest = arn[:len(arn)-len(parts[5])], parts[5]
	switch parts[2] {
	case "s3", "sns", "sqs": // resources of one type, which is not written
		return head, "", rest, true
	}
	if i := strings.IndexAny(rest, "/:"); i >= 0 {
		return head, rest[:i+1], rest[i+1:], true
	}
	return head, "", rest, true
}

// tokens splits a name where names are put together. Ids stay in one piece.
func tokens(name string) []string {
	var out []string
	for name != "" {
		end := strings.IndexAny(name, "/:")
		segment, rest := name, ""
		if end >= 0 {
			segment, rest = name[:end+1], name[end+1:]
		}
		name = rest
		if isID(strings.TrimRight(segment, "/:")) {
			out = append(out, segment)
			continue
		}
		for segment != "" {
			i := strings.IndexAny(segment, "-_./:")
			if i < 0 {
				i = len(segment) - 1
			}
			out = append(out, segment[:i+1])
			segment = segment[i+1:]
		}
	}
	return out
}

// isID reports whether a part of a name looks made by a machine: digits (with
// the marks of dates and times), long hexadecimal text as in UUIDs and in ids
// such as i-0123456789abcdef0, or 16 and more capitals with digits.
func isID(s string) bool {
	if i := strings.IndexByte(s, '-'); i > 0 && i <= 8 && len(s)-i-1 >= 8 && hexadecimal(s[i+1:]) && strings.ContainsAny(s[i+1:], "0123456789") {
		return true
	}
	bare := strings.NewReplacer("-", "", "_", "").Replace(s)
	if bare == "" {
		return false
	}
	digits, capitals := 0, 0
	for _, c := range bare {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'A' && c <= 'Z':
			capitals++
		}
	}
	switch {
	case digits == 0:
		return false
	case digits == len(strings.Trim(bare, "TZ")) && digits >= 2:
		return true
	case len(bare) >= 12 && hexadecimal(bare):
		return true
	}
	return len(bare) >= 16 && digits+capitals == len(bare)
}

func hexadecimal(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == '-')
	})
}
