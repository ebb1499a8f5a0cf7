package host

import (
	"bytes"

	"github.com/pelletier/go-toml/v2"

	"github.com/retinue-id/retinue"
)

// stripComments turns JSON with comments and trailing commas, as VS Code and
// Zed write it, into JSON. Offsets are kept: what is dropped becomes blanks.
func stripComments(data []byte) []byte {
	out := append([]byte(nil), data...)
	comma := -1 // a comma with nothing but blanks behind it so far
	for i := 0; i < len(out); i++ {
		switch c := out[i]; {
		case c == '"':
			comma = -1
			i = endOfString(out, i)
		case c == '/' && i+1 < len(out) && out[i+1] == '/':
			for ; i < len(out) && out[i] != '\n'; i++ {
				out[i] = ' '
			}
		case c == '/' && i+1 < len(out) && out[i+1] == '*':
			i = blankComment(out, i)
		case c == ',':
			comma = i
		case c == ']' || c == '}':
			if comma >= 0 {
				out[comma] = ' '
			}
			comma = -1
		case c != ' ' && c != '\t' && c != '\n' && c != '\r':
			comma = -1
		}
	}
	return out
}

func endOfString(b []byte, i int) int {
	for i++; i < len(b) && b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i
}

func blankComment(b []byte, i int) int {
	for b[i], b[i+1] = ' ', ' '; i < len(b); i++ {
		if b[i] == '*' && i+1 < len(b) && b[i+1] == '/' {
			b[i], b[i+1] = ' ', ' '
			return i + 1
		}
		if b[i] != '\n' {
			b[i] = ' '
		}
	}
	return i
}

// maxBrackets bounds the brackets of a TOML file, and so its nesting: the
// decoder recurses without a limit of its own, and a stack that overflows ends
// the program. Eight dots count as a bracket: dotted keys nest as well.
const maxBrackets = 20_000

// decodeTOML reads TOML into maps, lists and scalars.
func decodeTOML(data []byte) (any, bool) {
	if bytes.Count(data, []byte{'['})+bytes.Count(data, []byte{'{'})+bytes.Count(data, []byte{'.'})/8 > maxBrackets {
		return nil, false
	}
	var v map[string]any
	if err := toml.Unmarshal(data, &v); err != nil {
		return nil, false
	}
	return v, true
}

// readTOMLTokens reads Cargo's credentials.
func readTOMLTokens(data []byte) reading {
	v, ok := decodeTOML(data)
	if !ok {
		return reading{bad: "it is no TOML"}
	}
	var r reading
	fieldKinds{"token": retinue.CredentialPersonalAccessToken}.walk(&r, "cargo", "", "", v, 0)
	return r
}
