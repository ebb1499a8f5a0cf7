package secrets

import "bytes"

// maxField bounds the name that a value is assigned to.
const maxField = 128

// fieldBefore returns the name that a value is assigned to: the last name in
// front of an operator, in what the rule matched in front of the value, else on
// the value's line. It returns nothing where the text shows no assignment.
func fieldBefore(line, match []byte) string {
	if f := assigned(match); f != "" {
		return f
	}
	return assigned(line)
}

func assigned(before []byte) string {
	s := bytes.TrimRight(before, " \t\r\n\"'`")
	op := bytes.TrimRight(s, "=:>|?,")
	if len(op) == len(s) {
		return ""
	}
	if last := s[len(s)-1]; last == ',' || last == '|' || last == '?' {
		return ""
	}
	op = bytes.TrimRight(op, " \t\"'`]")
	i := len(op)
	for i > 0 && (isNameByte(op[i-1]) || op[i-1] == '/' || op[i-1] == '$') {
		i--
	}
	name := op[i:]
	name = bytes.Trim(name, "-./$")
	if len(name) == 0 || len(name) > maxField || looksRandom(name) {
		return ""
	}
	return string(name)
}

// looksRandom reports what may be a value itself, such as the first half of
// "id:secret", and must not be shown as a name.
func looksRandom(name []byte) bool {
	digits := 0
	for _, c := range name {
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	return len(name) >= 16 && digits >= 2 && entropy(string(name)) > 3.3
}
