package postgres

import (
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// command is what is taken of a statement: its command, and of commands about
// roles and settings what they are about. Nothing else of the text is kept.
type command struct {
	word   string // "SELECT", "CREATE ROLE", "ALTER SYSTEM"; empty for none of SQL's
	roles  []string
	kind   retinue.TouchKind
	silent bool // changes what is logged
}

// maxCommandText is how much of a statement is looked at, in bytes.
const maxCommandText = 4 << 10

// maxCommandRoles bounds the roles that a GRANT names.
const maxCommandRoles = 8

// readCommand reads the beginning of a statement.
func readCommand(text string) command {
	lex := newLexer(strings.NewReader(clip(text, maxCommandText)+"\n;"), nil)
	st, err := lex.next()
	if err != nil && !errors.Is(err, io.EOF) {
		st = lex.st // a quotation that the cut left open
	}
	c := cursor{statement: st}
	word := strings.ToUpper(c.peek().text)
	if c.done() || c.peek().kind != tokenWord || !slices.Contains(sqlCommands(), word) {
		return command{}
	}
	out := command{word: word}
	c.i++
	switch word {
	case "CREATE", "ALTER", "DROP":
		out.define(&c)
	case "GRANT", "REVOKE":
		out.kind = retinue.TouchEdit
		out.grantees(&c, map[string]string{"GRANT": "to", "REVOKE": "from"}[word])
	case "SET", "RESET":
		c.takeAny("session", "local")
		out.silent = isLogSetting(setting(&c))
	}
	return out
}

// sqlCommands are the first words of statements. (Manual, part "SQL Commands".)
func sqlCommands() []string {
	return []string{"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "COPY", "TABLE", "VALUES", "WITH", "CALL", "DO", "EXECUTE",
		"PREPARE", "DEALLOCATE", "DECLARE", "FETCH", "MOVE", "CLOSE", "EXPLAIN", "ANALYZE", "VACUUM", "REINDEX", "CLUSTER", "CHECKPOINT",
		"CREATE", "ALTER", "DROP", "GRANT", "REVOKE", "REASSIGN", "COMMENT", "SECURITY", "IMPORT", "REFRESH", "SET", "RESET", "SHOW",
		"DISCARD", "LISTEN", "NOTIFY", "UNLISTEN", "LOCK", "LOAD", "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT",
		"RELEASE", "BASE_BACKUP", "START_REPLICATION", "IDENTIFY_SYSTEM", "CREATE_REPLICATION_SLOT", "DROP_REPLICATION_SLOT"}
}

// setting reads the name of a setting, which may have a dot.
func setting(c *cursor) string {
	schema, name := c.qualified()
	if schema != "" {
		return schema + "." + name
	}
	return name
}

// define reads CREATE, ALTER and DROP of roles, and ALTER SYSTEM.
func (o *command) define(c *cursor) {
	what := c.ident()
	switch {
	case o.word == "ALTER" && what == "system":
		o.word = "ALTER SYSTEM"
		c.takeAny("set", "reset")
		name := setting(c)
		o.silent = isLogSetting(name) || name == "all"
		return
	case (what != "role" && what != "user" && what != "group") || c.at("mapping"):
		if slices.Contains([]string{"table", "view", "schema", "database", "function", "procedure", "sequence", "index", "extension",
			"policy", "trigger", "type", "domain", "server", "subscription", "publication", "tablespace", "language"}, what) {
			o.word += " " + strings.ToUpper(what)
		}
		return
	}
	o.kind = map[string]retinue.TouchKind{"CREATE": retinue.TouchCreate, "ALTER": retinue.TouchEdit, "DROP": retinue.TouchDelete}[o.word]
	o.word += " ROLE"
	c.take("if", "exists")
	for len(o.roles) < maxCommandRoles {
		if name := c.ident(); name != "" {
			o.roles = append(o.roles, name)
		}
		if o.kind != retinue.TouchDelete || !c.take(",") {
			break
		}
	}
	if o.kind == retinue.TouchEdit && slices.ContainsFunc(c.tokens[min(c.i, len(c.tokens)):], func(t token) bool { return t.kind == tokenWord && t.text == "password" }) {
		o.kind = retinue.TouchRotate
	}
}

// grantees reads the roles behind TO or FROM.
func (o *command) grantees(c *cursor, word string) {
	for ; !c.done() && (c.peek().kind != tokenWord || c.peek().text != word); c.i++ {
	}
	for c.i++; len(o.roles) < maxCommandRoles && !c.done(); {
		c.takeAny("group")
		name := c.ident()
		if name != "" && name != "public" {
			o.roles = append(o.roles, name)
		}
		if !c.take(",") {
			return
		}
	}
}

// say puts what a command tells into an event.
func (d *logDecoder) say(e *retinue.Event, c command) {
	e.Class, e.Action, e.Operation = retinue.EventData, privilegeOf(c.word), c.word
	if c.kind != "" || c.silent || slices.Contains([]string{"CREATE", "ALTER", "DROP"}, strings.Split(c.word, " ")[0]) {
		e.Class = retinue.EventManagement
	}
	if e.Action == e.Operation {
		e.Operation = ""
	}
	if e.Action == "" {
		e.Operation = orWord(e.Operation, "statement")
	}
	e.Touches = d.touched(c)
}

func (d *logDecoder) touched(c command) []retinue.Touch {
	var out []retinue.Touch
	for _, r := range c.roles {
		out = append(out, retinue.Touch{Kind: c.kind, Target: d.roleRef(r)})
	}
	if len(out) == 0 && c.kind != "" {
		out = append(out, retinue.Touch{Kind: c.kind})
	}
	if c.silent {
		out = append(out, retinue.Touch{Kind: retinue.TouchSilence})
	}
	return out
}

// privilegeOf returns the privilege that a command needs on what it is about, as
// the access engine is asked; empty where there is none by that name.
func privilegeOf(command string) string {
	switch command {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE":
		return command
	case "TABLE":
		return "SELECT"
	case "CALL":
		return "EXECUTE"
	case "ALTER SYSTEM":
		return "ALTER SYSTEM"
	}
	return ""
}

// commandTag returns a command tag of the server, such as "SELECT" or "CREATE
// TABLE"; what a session shows while it does nothing is none.
func commandTag(tag string) string {
	if tag == "" || len(tag) > 40 || strings.Trim(tag, "ABCDEFGHIJKLMNOPQRSTUVWXYZ ") != "" {
		return ""
	}
	return tag
}
