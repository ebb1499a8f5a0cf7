package awsiam

import (
	"slices"
	"sort"
	"strings"
)

// Context holds the condition keys of a request with their values ("How IAM
// works", request context). Names of keys are compared without regard to case
// ("IAM JSON policy elements: Condition"). The zero Context is empty. It must
// not be changed while a decision is made.
type Context struct {
	// entries are sorted by key where there are more than few.
	entries []entry
}

// few keys are looked through from the first to the last.
const few = 16

type entry struct {
	key   string // as keyName returns it, and beyond few in lower case
	value value
}

// value is one text or, for keys with several values, a list.
type value struct {
	text   string
	list   []string
	isList bool
}

// empty reports whether the value is what AWS calls a null data set: no value,
// or an empty text ("Single-valued vs. multivalued context keys").
func (v *value) empty() bool {
	if !v.isList {
		return v.text == ""
	}
	return !slices.ContainsFunc(v.list, func(s string) bool { return s != "" })
}

// Set gives a key a single value.
func (c *Context) Set(key, text string) { c.put(key, value{text: text}) }

// SetList gives a key that can have several values, such as aws:TagKeys, its
// values. An empty list is a key without a value.
func (c *Context) SetList(key string, values ...string) {
	c.put(key, value{list: slices.Clone(values), isList: true})
}

func (c *Context) put(key string, v value) {
	key = keyName(key)
	if i, found := c.find(key); found {
		c.entries[i].value = v
	} else {
		c.insert(i, key, v)
	}
}

// insert adds a key where find says that it belongs.
func (c *Context) insert(i int, key string, v value) {
	if len(c.entries) < few {
		c.entries = append(c.entries, entry{key, v})
		return
	}
	if len(c.entries) == few {
		c.entries = slices.Clone(c.entries)
		for k := range c.entries {
			c.entries[k].key = lower(c.entries[k].key)
		}
		slices.SortFunc(c.entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
		i, _ = c.search(lower(key))
	}
	c.entries = slices.Insert(c.entries, i, entry{lower(key), v})
}

// find returns the place of a key, kept as keyName does, or where it would be.
func (c *Context) find(key string) (int, bool) {
	if len(c.entries) > few {
		return c.search(lower(key))
	}
	for i := range c.entries {
		if sameKey(c.entries[i].key, key) {
			return i, true
		}
	}
	return len(c.entries), false
}

// search is a binary search without an indirection through a function.
func (c *Context) search(key string) (int, bool) {
	low, high := 0, len(c.entries)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if c.entries[mid].key < key {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, low < len(c.entries) && c.entries[low].key == key
}

// Has reports whether the key is present.
func (c *Context) Has(key string) bool {
	_, ok := c.find(keyName(key))
	return ok
}

// Len is the number of keys.
func (c *Context) Len() int { return len(c.entries) }

// keyState is what is known of a key.
type keyState uint8

const (
	keyAbsent keyState = iota
	keyPresent
	keyOpen
)

// lookup returns the value of a key, kept as keyName does, if there is one.
func (q *question) lookup(key string) (*value, keyState) {
	if i, ok := q.context.find(key); ok {
		return &q.context.entries[i].value, keyPresent
	}
	if q.mode == Closed || q.knownAbsent(key) {
		return nil, keyAbsent
	}
	return nil, keyOpen
}

// knownAbsent reports whether the caller says that an open question's request
// cannot carry the key.
func (q *question) knownAbsent(key string) bool {
	if len(q.request.Absent) == 0 {
		return false
	}
	key = lower(key)
	for _, a := range q.request.Absent {
		if !q.request.prepared {
			a = lower(a)
		}
		if prefix, ok := strings.CutSuffix(a, "*"); ok && strings.HasPrefix(key, prefix) || a == key {
			return true
		}
	}
	return false
}

// Copy makes the context hold what another does. The room that it has is used
// again.
func (c *Context) Copy(from *Context) { c.entries = append(c.entries[:0], from.entries...) }

// derive returns the context of an open question: the caller's keys, and those
// that AWS takes from the principal and the resource themselves ("AWS global
// condition context keys").
func derive(r *Request) *Context {
	const most = 8 // keys that are added
	c := &Context{entries: append(make([]entry, 0, len(r.Context.entries)+most), r.Context.entries...)}
	add := func(key, text string) {
		if text != "" && !c.Has(key) {
			c.Set(key, text)
		}
	}
	add("aws:resourceaccount", r.ResourceAccount)
	p := &r.Principal
	switch p.kind {
	case principalUser:
		add("aws:username", p.name)
		add("aws:principaltype", "User")
	case principalRole, principalSession:
		add("aws:principaltype", "AssumedRole")
	case principalRoot:
		add("aws:principaltype", "Account")
	case principalFederatedUser:
		add("aws:principaltype", "FederatedUser")
	case principalAnonymous:
		add("aws:principaltype", "Anonymous")
	case principalService:
		add("aws:principalisawsservice", "true")
		add("aws:principalservicename", p.arn)
	}
	if p.account != "" {
		add("aws:principalarn", p.principalARN())
		add("aws:principalaccount", p.account)
		add("aws:principalisawsservice", "false")
	}
	return c
}

// Keys returns the keys in lower case, sorted.
func (c *Context) Keys() []string {
	out := make([]string, len(c.entries))
	for i := range c.entries {
		out[i] = lower(c.entries[i].key)
	}
	sort.Strings(out)
	return out
}
