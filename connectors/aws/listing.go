package aws

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/retinue-id/retinue"
)

// The plain listings of users, roles and groups hold less than the
// authorization details, so they fill scopes of their own, and only where the
// details are not there.

func (a *accountReader) readListedUsers(ctx context.Context, w *scopeWriter) error {
	if a.haveAuthz {
		return errElsewhere
	}
	return a.pages(ctx, w, call{op: opUsers}, func(r io.Reader) error {
		return listOf(r, "Users", func(u authzUser) error {
			if u.Arn == "" {
				return errNoARN("Users")
			}
			if err := emitUser(w, a.account, u); err != nil || u.PasswordLastUsed.IsZero() {
				return err
			}
			ref := refTo("user", u.Arn, a.account)
			return w.emit(useFact(retinue.NewRef(ref.Realm, "password", ref.Key), "last_used",
				u.PasswordLastUsed.Format(time.RFC3339), passwordPrecision, false, nil)...)
		})
	})
}

func (a *accountReader) readListedRoles(ctx context.Context, w *scopeWriter) error {
	if a.haveAuthz {
		return errElsewhere
	}
	return a.pages(ctx, w, call{op: opRoles}, func(r io.Reader) error {
		return listOf(r, "Roles", func(x authzRole) error {
			if x.Arn == "" {
				return errNoARN("Roles")
			}
			return emitRole(w, a.account, a.known, x)
		})
	})
}

func (a *accountReader) readListedGroups(ctx context.Context, w *scopeWriter) error {
	if a.haveAuthz {
		return errElsewhere
	}
	return a.pages(ctx, w, call{op: opGroups}, func(r io.Reader) error {
		return listOf(r, "Groups", func(g authzGroup) error {
			if g.Arn == "" {
				return errNoARN("Groups")
			}
			return emitGroup(w, a.account, g)
		})
	})
}

// reportCSV returns the CSV inside the answer of get-credential-report, which
// carries it as base64, or the CSV itself where a person kept only that.
func reportCSV(r io.Reader) (io.Reader, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxElement+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxElement {
		return nil, fmt.Errorf("%w: a credential report of more than %d MiB", retinue.ErrInvalid, maxElement>>20)
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	if !bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		return bytes.NewReader(b), nil
	}
	var page struct{ Content string }
	if err := one(bytes.NewReader(b), &page); err != nil {
		return nil, err
	}
	csv, err := base64.StdEncoding.DecodeString(page.Content)
	if err != nil {
		return nil, fmt.Errorf("%w: credential report: Content is not base64", retinue.ErrInvalid)
	}
	return bytes.NewReader(csv), nil
}
