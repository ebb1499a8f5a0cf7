package people

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// Bounds of the values of a line.
const (
	maxID    = 256 // bytes
	maxName  = 1024
	maxEmail = 254 // RFC 5321, 4.5.3.1.3: a path of 256 with its angle brackets
	maxList  = 50_000
)

// The types of a line, which are the kinds of the refs.
const (
	typePerson      = "person"
	typeTeam        = "team"
	typeApplication = "application"
)

// columnsOf lists the columns that may hold a value on a line of a type, beside
// type, id and further columns.
func columnsOf(typ string) []string {
	switch typ {
	case typeTeam:
		return []string{"name", "email", "state", "members", "manager"}
	case typeApplication:
		return []string{"name", "email", "state", "team", "criticality", "manager"}
	}
	return []string{"name", "email", "state", "teams", "manager"}
}

// entry reads one line's values; the first mistake wins.
type entry struct {
	realm  retinue.Realm
	header *header
	record record
	wrong  *mistake
	typ    string
	id     string
	refs   []reference
}

// reference is a ref to another line, and where it stands.
type reference struct {
	ref retinue.Ref
	at  int
}

// fact returns what the line states.
func (e *entry) fact() (retinue.Fact, *mistake) {
	e.shape()
	e.typ = typePerson
	if word := strings.ToLower(e.text("type", 64)); word != "" {
		e.typ = word
	}
	if !slices.Contains([]string{typePerson, typeTeam, typeApplication}, e.typ) {
		e.fail("type", "want person, team or application")
	}
	e.fits()
	if e.id = e.key("id"); e.id == "" {
		e.fail("id", "missing: want a key that stays the same from export to export")
	}
	f := e.state()
	if e.wrong != nil {
		return nil, e.wrong
	}
	if err := f.Validate(); err != nil { // nothing above lets it come to this
		return nil, e.record.mistake(0, "%v", err)
	}
	return f, nil
}

// state makes the fact.
func (e *entry) state() retinue.Fact {
	ref := retinue.NewRef(e.realm, e.typ, e.id)
	name, email := retinue.CleanName(e.text("name", maxName)), e.email()
	state, attrs := e.standing(), e.attrs()
	switch e.typ {
	case typeTeam:
		return retinue.Team{Ref: ref, Name: name, Email: email, Members: e.list("members", typePerson), Attrs: attrs}
	case typeApplication:
		app := retinue.Application{Ref: ref, Name: name, Criticality: e.criticality(), Attrs: attrs}
		if id := e.key("team"); id != "" {
			app.Team = e.refer("team", typeTeam, id)
		}
		if email != "" {
			app.Attrs = with(app.Attrs, "email", email)
		}
		return app
	}
	return retinue.Person{Ref: ref, Name: name, Email: email, State: state, Teams: e.list("teams", typeTeam), Attrs: attrs}
}

// shape reports a line with fewer or more values than there are columns: one
// that was cut off, or in which a value holds the separator without quotes.
func (e *entry) shape() {
	cells, columns := e.record.cells, len(e.header.columns)
	if len(cells) < columns {
		e.wrong = e.record.mistake(len(e.record.text), "%d values, and the first line names %d columns", len(cells), columns)
		return
	}
	for i, c := range cells {
		if c.text == "" {
			continue
		}
		if i >= columns {
			e.wrong = e.record.mistake(c.at, "a value beyond the %d columns of the first line: quote values that hold the separator", columns)
			return
		}
		if slices.Contains(e.header.unnamed, i) {
			e.wrong = e.record.mistake(c.at, "a value in a column without a name: name it in the first line")
			return
		}
	}
}

// fits reports a value that says nothing about a thing of the line's type.
func (e *entry) fits() {
	allowed := columnsOf(e.typ)
	for _, name := range known() {
		if name == "type" || name == "id" || slices.Contains(allowed, name) || e.cell(name).text == "" {
			continue
		}
		e.fail(name, "this column is not for type %s: leave it empty", e.typ)
	}
}

// cell returns the value of a column, empty where there is no such column.
func (e *entry) cell(column string) cell {
	i, ok := e.header.at[column]
	if !ok || i >= len(e.record.cells) {
		return cell{}
	}
	return e.record.cells[i]
}

func (e *entry) fail(column, format string, args ...any) {
	if e.wrong == nil {
		e.wrong = e.record.mistake(e.cell(column).at, column+": "+format, args...)
	}
}

// text returns a value of limited length.
func (e *entry) text(column string, limit int) string {
	c := e.cell(column)
	if len(c.text) > limit {
		e.fail(column, "longer than %d bytes", limit)
		return ""
	}
	return c.text
}

// key returns a value that is the id of a line.
func (e *entry) key(column string) string {
	id := e.text(column, maxID)
	e.checkKey(column, id)
	return id
}

func (e *entry) checkKey(column, id string) {
	switch {
	case retinue.CleanName(id) != id:
		e.fail(column, "an id holds a control character or one that reorders text")
	case strings.Contains(id, ";"):
		e.fail(column, "an id holds a semicolon, which separates ids in teams and members: want one id without")
	}
}

// email returns an address, of which no more is checked than what tells it from
// a value of another column; whether it is one is its mail server's word.
func (e *entry) email() string {
	addr := e.text("email", maxEmail)
	local, domain, ok := strings.Cut(addr, "@")
	if addr != "" && (!ok || local == "" || domain == "" || strings.ContainsAny(addr, " \t\n<>,;") || strings.Contains(domain, "@") ||
		retinue.CleanName(addr) != addr) {
		e.fail("email", "want one address such as ada@example.com")
		return ""
	}
	return addr
}

// standing returns the state of a person. The words are those of the common
// directories; the word itself is kept as an attribute, because a leaver and
// someone suspended are both disabled.
func (e *entry) standing() retinue.State {
	switch strings.ToLower(e.text("state", 64)) {
	case "":
		return ""
	case "active", "enabled":
		return retinue.StateActive
	case "disabled", "left", "suspended", "inactive", "terminated":
		return retinue.StateDisabled
	}
	e.fail("state", "want active or enabled, or disabled, left, suspended, inactive or terminated")
	return ""
}

func (e *entry) criticality() retinue.Criticality {
	c := retinue.Criticality(strings.ToLower(e.text("criticality", 64)))
	if c != "" && !slices.Contains(retinue.Criticalities(), c) {
		e.fail("criticality", "want critical, high, medium or low")
		return ""
	}
	return c
}

// refer returns the ref of another line.
func (e *entry) refer(column, typ, id string) retinue.Ref {
	ref := retinue.NewRef(e.realm, typ, id)
	e.refs = append(e.refs, reference{ref: ref, at: e.cell(column).at})
	return ref
}

// list returns the refs of a list of ids, each once and in order, so that an
// export that lists them in another order states the same.
func (e *entry) list(column, typ string) []retinue.Ref {
	var ids []string
	for id := range strings.SplitSeq(e.cell(column).text, ";") {
		if id = strings.TrimSpace(id); id == "" {
			continue
		}
		if len(ids) == maxList {
			e.fail(column, "more than %d ids", maxList)
			return nil
		}
		if len(id) > maxID {
			e.fail(column, "an id is longer than %d bytes: ids are separated by semicolons", maxID)
			return nil
		}
		e.checkKey(column, id)
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var refs []retinue.Ref
	for _, id := range slices.Compact(ids) {
		refs = append(refs, e.refer(column, typ, id))
	}
	return refs
}

// attrs returns the further columns, the manager's id and the source's own word
// for the state.
func (e *entry) attrs() retinue.Attrs {
	var out retinue.Attrs
	for _, column := range e.header.further {
		if v := e.text(column, maxFurtherText); v != "" {
			out = with(out, column, retinue.CleanName(v))
		}
	}
	if word := e.text("state", 64); word != "" {
		out = with(out, "state", strings.ToLower(word))
	}
	if id := e.key("manager"); id != "" {
		e.refer("manager", typePerson, id)
		out = with(out, "manager", id)
	}
	return out
}

func with(a retinue.Attrs, name, value string) retinue.Attrs {
	if a == nil {
		a = retinue.Attrs{}
	}
	a[name] = value
	return a
}
