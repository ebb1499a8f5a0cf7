package postgres

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/retinue-id/retinue"
)

// Bounds of a dump. A statement longer than maxStatement is read to its end and
// kept up to the bound; function bodies and constants are what grows.
const (
	maxStatement = 1 << 20
	maxTokens    = 200_000
	maxLine      = 64 << 10
)

// token is one word of SQL. Offsets are those in the statement's text.
type token struct {
	kind       tokenKind
	text       string // words in lower case, names and strings without quotes
	start, end int
}

type tokenKind byte

const (
	tokenWord tokenKind = iota
	tokenName           // "quoted"
	tokenString
	tokenPunct
)

// statement is one SQL statement, or a psql command where meta is set.
type statement struct {
	tokens []token
	text   string
	meta   string // a line such as `\connect app`
	// long marks a statement that was longer than is kept.
	long bool
}

// lexer splits the SQL that pg_dump and pg_dumpall write into statements,
// following the rules of the manual's chapter "Lexical Structure".
type lexer struct {
	in  *bufio.Reader
	buf []byte
	st  statement
	// comment is called with each line comment outside statements.
	comment func(string)
	// atomic counts open blocks of a function body between BEGIN ATOMIC and
	// END, in which semicolons do not end the statement.
	atomic int
	lineNo int
}

func newLexer(r io.Reader, comment func(string)) *lexer {
	return &lexer{in: bufio.NewReaderSize(r, 64<<10), comment: comment, lineNo: 1}
}

// next returns the next statement, or io.EOF. A statement that the end of the
// input cuts off is an error.
func (l *lexer) next() (statement, error) {
	l.buf, l.st, l.atomic = l.buf[:0], statement{}, 0
	for {
		c, err := l.read()
		if err != nil {
			if errors.Is(err, io.EOF) && len(l.st.tokens) > 0 {
				return statement{}, fmt.Errorf("%w: line %d: the file ends inside a statement", retinue.ErrInvalid, l.lineNo)
			}
			return statement{}, err
		}
		done, err := l.one(c)
		if err != nil {
			return statement{}, l.cutOff(err)
		}
		if done {
			l.st.text = string(l.buf)
			return l.st, nil
		}
	}
}

func (l *lexer) cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: line %d: the file ends inside a quotation or comment", retinue.ErrInvalid, l.lineNo)
	}
	return err
}

// one reads the token that begins with c and reports whether the statement is
// done.
func (l *lexer) one(c byte) (bool, error) {
	start := len(l.buf) - 1
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == 0:
		if len(l.st.tokens) == 0 {
			l.buf = l.buf[:0]
		}
	case c == '-' && l.peek() == '-':
		return false, l.lineComment()
	case c == '/' && l.peek() == '*':
		return false, l.blockComment()
	case c == '\\' && len(l.st.tokens) == 0:
		line, err := l.line()
		l.st.meta = `\` + line
		return true, err
	case c == '\'':
		return false, l.quoted('\'', false, tokenString, start)
	case c == '"':
		return false, l.quoted('"', false, tokenName, start)
	case (c == 'e' || c == 'E') && l.peek() == '\'':
		_, _ = l.read()
		return false, l.quoted('\'', true, tokenString, start)
	case c == '$':
		return false, l.dollar(start)
	case isWordByte(c):
		return false, l.word(start)
	case c == ';':
		return l.atomic == 0, nil
	default:
		l.add(tokenPunct, string(c), start)
	}
	return false, nil
}

func isWordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// read returns the next byte and keeps it while the statement is not too long.
func (l *lexer) read() (byte, error) {
	c, err := l.in.ReadByte()
	if err != nil {
		return 0, err
	}
	if c == '\n' {
		l.lineNo++
	}
	if len(l.buf) < maxStatement {
		l.buf = append(l.buf, c)
	} else {
		l.st.long = true
	}
	return c, nil
}

func (l *lexer) peek() byte {
	b, err := l.in.Peek(1)
	if err != nil {
		return 0
	}
	return b[0]
}

func (l *lexer) add(kind tokenKind, text string, start int) {
	if l.st.long || len(l.st.tokens) >= maxTokens {
		l.st.long = true
		return
	}
	l.st.tokens = append(l.st.tokens, token{kind, text, start, len(l.buf)})
}

func (l *lexer) word(start int) error {
	for c := l.peek(); isWordByte(c) || c == '$'; c = l.peek() {
		if _, err := l.read(); err != nil {
			return err
		}
	}
	w := strings.ToLower(string(l.buf[min(start, len(l.buf)):]))
	l.block(w)
	l.add(tokenWord, w, start)
	return nil
}

// block follows BEGIN ATOMIC … END.
func (l *lexer) block(w string) {
	switch {
	case w == "atomic" && len(l.st.tokens) > 0 && l.st.tokens[len(l.st.tokens)-1].text == "begin":
		l.atomic++
	case l.atomic > 0 && w == "case":
		l.atomic++
	case l.atomic > 0 && w == "end":
		l.atomic--
	}
}

// quoted reads to the closing quote, which doubled stands for itself. With
// escapes a backslash takes the next character along.
func (l *lexer) quoted(q byte, escapes bool, kind tokenKind, start int) error {
	var b strings.Builder
	for {
		c, err := l.read()
		if err != nil {
			return err
		}
		switch {
		case c == '\\' && escapes:
			if c, err = l.read(); err != nil {
				return err
			}
		case c == q && l.peek() == q:
			if _, err := l.read(); err != nil {
				return err
			}
		case c == q:
			l.add(kind, b.String(), start)
			return nil
		}
		if b.Len() < maxStatement {
			b.WriteByte(c)
		}
	}
}

// dollar reads a dollar-quoted string; a lone $ or a parameter is punctuation.
// The content is dropped: it is a function's body.
func (l *lexer) dollar(start int) error {
	tag := []byte{'$'}
	for c := l.peek(); c != '$'; c = l.peek() {
		if !isWordByte(c) || len(tag) == 1 && c >= '0' && c <= '9' || len(tag) > 64 {
			l.add(tokenPunct, string(tag), start)
			return nil
		}
		if _, err := l.read(); err != nil {
			return err
		}
		tag = append(tag, c)
	}
	if _, err := l.read(); err != nil {
		return err
	}
	tag = append(tag, '$')
	kept := len(l.buf)
	tail := make([]byte, 0, len(tag))
	for {
		c, err := l.in.ReadByte()
		if err != nil {
			return err
		}
		if c == '\n' {
			l.lineNo++
		}
		if len(tail) == len(tag) {
			copy(tail, tail[1:])
			tail = tail[:len(tail)-1]
		}
		if tail = append(tail, c); string(tail) == string(tag) {
			l.buf = l.buf[:kept]
			l.add(tokenString, "", start)
			return nil
		}
	}
}

func (l *lexer) lineComment() error {
	from := len(l.buf) - 1
	line, err := l.line()
	l.buf = l.buf[:min(from, len(l.buf))]
	if len(l.st.tokens) == 0 && l.comment != nil {
		l.comment(strings.TrimSpace(strings.TrimPrefix(line, "-")))
	}
	return err
}

// line reads to the end of the line, keeping at most maxLine of it.
func (l *lexer) line() (string, error) {
	var b strings.Builder
	for {
		c, err := l.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return "", err
		}
		if c == '\n' {
			l.lineNo++
			return strings.TrimSuffix(b.String(), "\r"), nil
		}
		if b.Len() < maxLine {
			b.WriteByte(c)
		}
	}
}

func (l *lexer) blockComment() error {
	from := len(l.buf) - 1
	depth, last := 0, byte('/')
	for {
		c, err := l.in.ReadByte()
		if err != nil {
			return err
		}
		switch {
		case c == '\n':
			l.lineNo++
		case last == '/' && c == '*':
			depth++
			c = 0
		case last == '*' && c == '/':
			depth--
			c = 0
		}
		if depth == 0 {
			l.buf = l.buf[:min(from, len(l.buf))]
			return nil
		}
		last = c
	}
}

// skipCopy reads past the data lines of COPY … FROM stdin.
func (l *lexer) skipCopy() error {
	for {
		line, err := l.line()
		if err != nil {
			return err
		}
		if line == `\.` {
			return nil
		}
		if line == "" {
			if _, err := l.in.Peek(1); err != nil {
				return fmt.Errorf("%w: line %d: the file ends inside COPY data", retinue.ErrInvalid, l.lineNo)
			}
		}
	}
}
