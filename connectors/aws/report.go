package aws

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/retinue-id/retinue"
)

// reportRow is one row of the credential report, by column name.
type reportRow map[string]string

// rootUser is what the report calls the account's root user.
const rootUser = "<root_account>"

// reportHeader is how the CSV begins.
const reportHeader = "user,arn,user_creation_time,"

// readReport reads a credential report as CSV, row by row. Columns are found by
// their names, so that new ones do no harm.
func readReport(r io.Reader, fn func(reportRow) error) error {
	c := csv.NewReader(skipBOM(r))
	c.FieldsPerRecord = -1
	c.ReuseRecord = true
	head, err := c.Read()
	if err != nil {
		return csvError(err)
	}
	names := append([]string(nil), head...)
	if len(names) < 2 || names[0] != "user" || names[1] != "arn" {
		return fmt.Errorf("%w: line 1: want the columns of a credential report: user,arn,user_creation_time,…", retinue.ErrInvalid)
	}
	for {
		rec, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return csvError(err)
		}
		line, _ := c.FieldPos(0)
		if len(rec) < len(names) {
			return fmt.Errorf("%w: line %d: %d columns, want %d", retinue.ErrInvalid, line, len(rec), len(names))
		}
		row := make(reportRow, len(names))
		for i, n := range names {
			row[n] = rec[i]
		}
		if err := fn(row); err != nil {
			return err
		}
	}
}

func csvError(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the credential report is empty", retinue.ErrInvalid)
	}
	return fmt.Errorf("%w: credential report: %s", retinue.ErrInvalid, retinue.CleanName(err.Error()))
}

// The report's own words for "no value" are N/A, no_information and
// not_supported; parseMoment makes no time of them.

// What AWS says about the times in the report (IAM User Guide, "Getting
// credential reports"): within 5 minutes only the first use of a password is
// recorded, within 15 minutes only the first use of a key.
const (
	passwordPrecision = 5 * 60
	keyPrecision      = 15 * 60
)

// emitReport states what one row says: whether the user has a password, which
// keys it has (by their creation, since the report does not name them), when
// they were last used, and therefore whether the user is a person.
func emitReport(w *scopeWriter, account string, row reportRow) error {
	userARN := row["arn"]
	if userARN == "" {
		return errNoARN("the credential report")
	}
	kind, name := "user", row["user"]
	if name == rootUser {
		kind, name = "root", "root user"
	}
	ref := refTo(kind, userARN, account)
	password := row["password_enabled"] == "true" || (kind == "root" && !parseMoment(row["password_last_used"]).IsZero())
	facts := passwordFacts(ref, row, kind == "root" || row["password_enabled"] == "true")
	keys := 0
	for _, slot := range []string{"1", "2"} {
		kf, active := reportKey(ref, userARN, row, "access_key_"+slot)
		facts = append(facts, kf...)
		if active {
			keys++
		}
	}
	class, reason := userClass(password, keys > 0)
	if kind == "root" {
		class, reason = retinue.ClassPerson, "the root user belongs to the person who owns the account"
		if keys > 0 {
			class, reason = retinue.ClassUnclear, "the root user has an access key beside its password"
		}
	}
	facts = append(facts, retinue.Identity{Ref: ref, Name: retinue.CleanName(name), Kind: retinue.IdentityUser,
		Subtype: subtypeOf(kind), Class: class, ClassReason: reason, State: retinue.StateActive,
		Container: accountRef(account), CreatedAt: parseMoment(row["user_creation_time"]),
		Attrs: attrs("mfa", row["mfa_active"] == "true")})
	return w.emit(facts...)
}

func subtypeOf(kind string) string {
	if kind == "root" {
		return "account_root"
	}
	return "iam_user"
}

// userClass decides whether an IAM user is a person, from what it can act with.
func userClass(password, key bool) (retinue.Class, string) {
	switch {
	case password && key:
		return retinue.ClassUnclear, "it has a console password and an active access key"
	case password:
		return retinue.ClassPerson, "it has a console password and no active access key"
	case key:
		return retinue.ClassNonHuman, "it has an active access key and no console password"
	}
	return retinue.ClassUnclear, "it has neither a console password nor an active access key"
}

func passwordFacts(user retinue.Ref, row reportRow, exists bool) []retinue.Fact {
	if !exists {
		return nil
	}
	ref := retinue.NewRef(user.Realm, "password", user.Key)
	c := retinue.Credential{Ref: ref, Name: "console password", Kind: retinue.CredentialPassword, Subtype: "iam_login_profile",
		Identity: user, State: retinue.CredentialActive, CreatedAt: parseMoment(row["password_last_changed"]),
		RotatedAt: parseMoment(row["password_last_changed"]), ExpiresAt: parseMoment(row["password_next_rotation"])}
	c.CreatedAt = c.RotatedAt
	return append([]retinue.Fact{c}, useFact(ref, "last_used", row["password_last_used"], passwordPrecision, row["password_last_used"] == "no_information", nil)...)
}

// reportKey states the key in one of the two slots of the report and says
// whether it is active. The report does not give the key's id. Its user and its
// creation name it as well, and the listing of access keys states the same join
// key, so that both are one credential.
func reportKey(user retinue.Ref, userARN string, row reportRow, slot string) ([]retinue.Fact, bool) {
	active := row[slot+"_active"] == "true"
	created := parseMoment(row[slot+"_last_rotated"])
	if created.IsZero() {
		return nil, active
	}
	id := keyBirthID(userARN, created)
	ref := retinue.NewRef(user.Realm, "access_key", key(id))
	c := retinue.Credential{Ref: ref, Name: "access key of " + lastPart(userARN), Kind: retinue.CredentialAccessKey,
		Subtype: "iam_access_key", Identity: user, State: keyState(active), CreatedAt: created, NeverExpires: true,
		Joins: []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "aws:" + id}}}
	used := row[slot+"_last_used_date"]
	u := useFact(ref, "last_used", used, keyPrecision, strings.EqualFold(used, "N/A"), attrs(
		"service", noValue(row[slot+"_last_used_service"]), "region", noValue(row[slot+"_last_used_region"])))
	return append([]retinue.Fact{c}, u...), active
}

func noValue(s string) string {
	switch strings.ToLower(s) {
	case "n/a", "no_information", "not_supported":
		return ""
	}
	return s
}

func keyState(active bool) retinue.CredentialState {
	if active {
		return retinue.CredentialActive
	}
	return retinue.CredentialInactive
}
