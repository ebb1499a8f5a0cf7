package postgres

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// auditFields are those of an entry of the extension pgaudit up to the name of
// the object: kind, statement, substatement, class, command, object type and
// name. (README of pgaudit, section "Format".)
const auditFields = 7

// audited states an entry of pgaudit. The statement and its parameters are not
// kept; of commands about roles, which have no object, the role's name is taken
// from the statement.
func (d *logDecoder) audited(e retinue.Event, l *logLine, text string) (retinue.Event, bool) {
	fields, rest := cutFields(text, auditFields)
	if len(fields) < auditFields || e.Identity.IsZero() {
		e.Class, e.Outcome, e.Raw = retinue.EventUnknown, retinue.OutcomeUnknown, []byte("severity LOG, an entry of pgaudit of another form")
		return e, true
	}
	class, name := fields[3], commandTag(fields[4])
	e.Class = retinue.EventData
	if slices.Contains([]string{"ROLE", "DDL", "MISC_SET"}, class) {
		e.Class = retinue.EventManagement
	}
	e.Operation = name
	e.Action = auditPrivilege(class, name)
	e.Resource = d.auditedObject(l.database, fields[5], fields[6])
	if class == "ROLE" || strings.HasPrefix(name, "ALTER SYSTEM") || class == "MISC_SET" {
		statement, _ := cutFields(rest, 1)
		if len(statement) == 1 {
			c := readCommand(statement[0])
			e.Touches = d.touched(c)
			if c.word == "ALTER SYSTEM" {
				e.Action = c.word
			}
		}
	}
	if e.Operation == e.Action && e.Action != "" {
		e.Operation = ""
	} else {
		e.Operation = orWord(e.Operation, "statement")
	}
	return e, true
}

// auditPrivilege is the privilege that a command of a class needs on its object.
func auditPrivilege(class, name string) string {
	switch {
	case class == "READ" && (name == "SELECT" || name == "COPY"):
		return "SELECT"
	case class == "WRITE" && name == "COPY":
		return "INSERT"
	case class == "WRITE":
		return privilegeOf(name)
	case class == "FUNCTION":
		return "EXECUTE"
	}
	return ""
}

// auditedObject names an object as the connector does: database.schema.name.
func (d *logDecoder) auditedObject(database, kind, name string) retinue.Ref {
	element := map[string]string{"TABLE": "table", "VIEW": "view", "MATERIALIZED VIEW": "materialized_view", "FOREIGN TABLE": "foreign_table",
		"SEQUENCE": "sequence", "FUNCTION": "function", "PROCEDURE": "procedure", "AGGREGATE": "aggregate", "SCHEMA": "schema", "TYPE": "type",
		"PARTITIONED TABLE": "partitioned_table"}[kind]
	if kind == "DATABASE" {
		return d.databaseRef(strings.Trim(name, `"`))
	}
	parts := nameParts(name)
	if element == "" || len(parts) == 0 || database == "" {
		return retinue.Ref{}
	}
	return d.ref(element, qualify(append([]string{database}, parts...)...))
}

// nameParts cuts a qualified name, in which parts may be quoted. Nil for none.
func nameParts(name string) []string {
	lex := newLexer(strings.NewReader(clip(name, maxCommandText)+";"), nil)
	st, err := lex.next()
	if err != nil {
		return nil
	}
	c := cursor{statement: st}
	var out []string
	for {
		// A word is in lower case in any case: the server quotes what is not.
		part := c.ident()
		if part == "" || len(out) == 3 {
			return nil
		}
		out = append(out, part)
		if c.done() || c.at("(") {
			return out
		}
		if !c.take(".") {
			return nil
		}
	}
}

// cutFields reads n values of a line of comma-separated values, in which quotes
// are doubled, and returns what follows.
func cutFields(text string, n int) ([]string, string) {
	var out []string
	for len(out) < n && text != "" {
		if !strings.HasPrefix(text, `"`) {
			value, rest, _ := strings.Cut(text, ",")
			out, text = append(out, value), rest
			continue
		}
		var b strings.Builder
		i := 1
		for ; i < len(text); i++ {
			if text[i] == '"' {
				if i+1 == len(text) || text[i+1] != '"' {
					break
				}
				i++
			}
			b.WriteByte(text[i])
		}
		if i >= len(text) {
			return append(out, b.String()), "" // cut off: the statement's end
		}
		out = append(out, b.String())
		text = strings.TrimPrefix(text[i+1:], ",")
	}
	return out, text
}
