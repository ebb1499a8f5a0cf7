package pgacl

import (
	"encoding/json"
	"fmt"

	"github.com/retinue-id/retinue"
)

// ParseCase reads a line of a file of questions for `retinue access check`:
// {role, kind, object, privilege}, with database where the objects of several
// are known, column where it is not written behind its table, and effective.
// Fields that it does not know, such as the expected answer, are left alone.
// Errors wrap retinue.ErrInvalid.
func ParseCase(line []byte) (Question, error) {
	var in struct {
		Role      string `json:"role"`
		Kind      string `json:"kind"`
		Object    string `json:"object"`
		Column    string `json:"column"`
		Privilege string `json:"privilege"`
		Database  string `json:"database"`
		Effective bool   `json:"effective"`
	}
	bad := func(why string) (Question, error) {
		return Question{}, fmt.Errorf("%w: question: %s", retinue.ErrInvalid, retinue.CleanName(why))
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return bad(err.Error())
	}
	for _, f := range []struct{ name, value string }{{"role", in.Role}, {"kind", in.Kind}, {"object", in.Object}} {
		if f.value == "" {
			return bad("no " + f.name + " is named")
		}
	}
	q := Question{Role: retinue.CleanName(in.Role), Kind: Kind(in.Kind), Object: retinue.CleanName(in.Object), Privilege: in.Privilege,
		Database: retinue.CleanName(in.Database), Effective: in.Effective}
	if in.Kind == "server" {
		q.Kind = ForeignServer
	}
	if accepted(q.Kind) == nil && q.Kind != KindRole && q.Kind != KindRowSecurity {
		return bad("kind " + in.Kind + " is none of table, column, any_column, schema, sequence, function, database, role, type, language, " +
			"foreign_data_wrapper, foreign_server, tablespace, parameter, large_object and row_security")
	}
	if in.Privilege == "" && q.Kind != KindRowSecurity {
		return bad("no privilege is named")
	}
	if in.Column != "" {
		if q.Kind != KindColumn {
			return bad("column belongs to kind column")
		}
		q.Column = retinue.CleanName(in.Column)
	}
	return q, nil
}
