package secrets

// matchGeneric finds what the expression of gitleaks' rule "generic-api-key"
// matches, given where its names (access, auth, api, credential, creds, key,
// passwd, password, secret, token) begin and end, without an expression engine.
// The text holds no character outside ASCII that equals an ASCII letter.
//
// The expression is: up to 50 name characters, as few as will do; a name; up to
// 20 name characters, spaces or tabs; up to 3 spaces or quotes; an operator; up
// to 5 quotes, spaces or equals signs; a value; a terminator. Of all matches it
// takes the one that begins first, and prefers early names, long middles and
// the operators in the order in which they are written. Because a match can
// begin up to 50 name characters before its name, the first name that can be
// completed gives the first match.
func matchGeneric(text []byte, names []span, each func(m, value span)) {
	from := 0
	for _, n := range names {
		if n.start < from {
			continue
		}
		value, end, ok := matchAssignment(text, n.end)
		if !ok {
			continue
		}
		start := n.start
		for start > from && n.start-start < 50 && isNameByte(text[start-1]) {
			start--
		}
		each(span{start, end}, value)
		from = end
	}
}

// matchAssignment matches what follows a name that ends at end, and returns
// the value and where the terminator ends.
func matchAssignment(text []byte, end int) (span, int, bool) {
	op := end
	for op < len(text) && op-end <= middleLimit && isMiddle(text[op]) {
		op++
	}
	if op >= len(text) || !isOperator(text[op]) || !splitsAsMiddle(text[end:op]) {
		return span{}, 0, false
	}
	var after [6]int
	for _, to := range operatorEnds(text, op, after[:0]) {
		if v, stop, ok := matchValue(text, to); ok {
			return v, stop, true
		}
	}
	return span{}, 0, false
}

// splitsAsMiddle reports whether s is at most 20 name characters, spaces and
// tabs, followed by at most 3 white-space characters and quotes.
func splitsAsMiddle(s []byte) bool {
	i := 0
	for i < len(s) && i < 20 && (isNameByte(s[i]) || s[i] == ' ' || s[i] == '\t') {
		i++
	}
	// The first part could be shorter, but only the longest leaves least for
	// the second.
	rest := s[i:]
	if len(rest) > 3 {
		return false
	}
	for _, c := range rest {
		if !isSpace(c) && c != '\'' && c != '"' {
			return false
		}
	}
	return true
}

// operatorEnds appends where the operators that begin at i end, in the order in
// which the expression tries them: = > :{1,3}= || : => ?= ,
func operatorEnds(text []byte, i int, ends []int) []int {
	is := func(at int, c byte) bool { return at < len(text) && text[at] == c }
	switch text[i] {
	case '=':
		ends = append(ends, i+1)
		if is(i+1, '>') {
			ends = append(ends, i+2)
		}
	case '>', ',':
		ends = append(ends, i+1)
	case ':':
		colons := 1
		for colons < 3 && is(i+colons, ':') {
			colons++
		}
		if is(i+colons, '=') {
			ends = append(ends, i+colons+1)
		}
		ends = append(ends, i+1)
	case '|':
		if is(i+1, '|') {
			ends = append(ends, i+2)
		}
	case '?':
		if is(i+1, '=') {
			ends = append(ends, i+2)
		}
	}
	return ends
}

// matchValue matches up to 5 quotes, spaces or equals signs, a value and its
// terminator from i on, and returns the value and where the terminator ends.
func matchValue(text []byte, i int) (span, int, bool) {
	n := 0
	for n < 5 && i+n < len(text) && isOpening(text[i+n]) {
		n++
	}
	for ; n >= 0; n-- {
		at := i + n
		if end := at + runOf(text[at:], isPlainValue, 151); end-at >= 10 && end-at <= 150 {
			if t, ok := matchTerminator(text, end); ok {
				return span{at, end}, t, true
			}
		}
		if end, ok := base64Value(text, at); ok {
			if t, ok := matchTerminator(text, end); ok {
				return span{at, end}, t, true
			}
		}
	}
	return span{}, 0, false
}

// base64Value matches [a-z0-9][a-z0-9+/]{11,}={0,3} without regard to case. As
// no terminator can follow a part of the run, only the whole one counts.
func base64Value(text []byte, at int) (int, bool) {
	if at >= len(text) || !isAlphanumeric(text[at]) {
		return 0, false
	}
	end := at + runOf(text[at:], isBase64, len(text))
	if end-at < 12 {
		return 0, false
	}
	for pad := 0; pad < 3 && end < len(text) && text[end] == '='; pad++ {
		end++
	}
	return end, true
}

// matchTerminator matches a quote, white space or semicolon, an escaped line
// end, or the end of the text.
func matchTerminator(text []byte, i int) (int, bool) {
	switch {
	case i >= len(text):
		return i, true
	case text[i] == '`' || text[i] == '\'' || text[i] == '"' || text[i] == ';' || isSpace(text[i]):
		return i + 1, true
	case text[i] == '\\' && i+1 < len(text) && (lowerByte(text[i+1]) == 'n' || lowerByte(text[i+1]) == 'r'):
		return i + 2, true
	}
	return 0, false
}

func runOf(text []byte, in func(byte) bool, limit int) int {
	n := 0
	for n < len(text) && n < limit && in(text[n]) {
		n++
	}
	return n
}

func isOpening(c byte) bool {
	return c == '`' || c == '\'' || c == '"' || c == '=' || isSpace(c)
}

func isPlainValue(c byte) bool { return isNameByte(c) || c == '=' }

func isAlphanumeric(c byte) bool { return isWord(c) && c != '_' }

func isBase64(c byte) bool { return isAlphanumeric(c) || c == '+' || c == '/' }
