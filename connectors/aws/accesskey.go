package aws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// readAccessKeys states the keys of every user. The report tells when they were
// last used; the call for each key tells the same with the key's id.
func (a *accountReader) readAccessKeys(ctx context.Context, w *scopeWriter, refs *[]retinue.Ref) error {
	users, err := a.userNames(ctx, w)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	take := func(_ string, r io.Reader) error {
		return listOf(r, "AccessKeyMetadata", func(k accessKey) error {
			if k.AccessKeyId == "" {
				return nil
			}
			seen[k.UserName] = true
			c := k.credential(a)
			*refs = append(*refs, c.Ref)
			return w.emit(append([]retinue.Fact{c}, k.use(c.Ref)...)...)
		})
	}
	if f, ok := a.src.(*fileSource); ok && len(f.docs[call{account: a.account, op: opAccessKeys}]) > 0 {
		if err := a.pages(ctx, w, call{op: opAccessKeys}, func(r io.Reader) error { return take("", r) }); err != nil {
			return err
		}
		return bareKeys(w, users, seen, len(f.docs[call{account: a.account, op: opAccessKeys}]))
	}
	return a.eachSubject(ctx, w, users, call{op: opAccessKeys}, take)
}

// bareKeys decides whether bare outputs of list-access-keys cover every user.
// An output names its user only where the user has a key, so as many outputs as
// there are users cover them all, and else each user must have been named.
func bareKeys(w *scopeWriter, users []string, seen map[string]bool, outputs int) error {
	if outputs >= len(users) {
		return nil
	}
	var without []string
	for _, u := range users {
		if !seen[u] {
			without = append(without, retinue.CleanName(u))
		}
	}
	if len(without) == 0 {
		return nil
	}
	return fmt.Errorf("%w: no output of list-access-keys names %d of %d users, such as %s: export it for each user",
		retinue.ErrNotFound, len(without), len(users), without[0])
}

// readKeyUses asks for the last use of each key.
func (a *accountReader) readKeyUses(ctx context.Context, w *scopeWriter, refs []retinue.Ref) error {
	if !a.hasRead("iam-access-keys") {
		return errNotExported // there is no list of keys to ask for
	}
	ids := make([]string, len(refs))
	for i, r := range refs {
		ids[i] = r.Key
	}
	return a.eachSubject(ctx, w, ids, call{op: opKeyLastUsed}, func(id string, r io.Reader) error {
		var page struct{ AccessKeyLastUsed lastUsed }
		if err := one(r, &page); err != nil {
			return err
		}
		return w.emit(keyUse(retinue.NewRef(a.realm(), "access_key", id), page.AccessKeyLastUsed)...)
	})
}

// userNames lists the users by name. The listing is one cheap call for a
// thousand of them; files without it are searched for what they hold.
func (a *accountReader) userNames(ctx context.Context, w *scopeWriter) ([]string, error) {
	var names []string
	err := a.pages(ctx, w, call{op: opUsers}, func(r io.Reader) error {
		return listOf(r, "Users", func(u struct{ UserName, Arn string }) error {
			names = append(names, u.UserName)
			a.remember("user", u.UserName, u.Arn)
			return nil
		})
	})
	if !errors.Is(err, errNotExported) {
		return names, err
	}
	if names = a.listedUsers(); len(names) > 0 {
		return names, nil
	}
	if f, ok := a.src.(*fileSource); ok {
		names = f.subjects(a.account, "", opAccessKeys)
		if len(names) == 0 && len(f.docs[call{account: a.account, op: opAccessKeys}]) > 0 {
			return nil, nil // bare outputs, and nothing tells which users there are
		}
	}
	if len(names) == 0 {
		return nil, errNotExported
	}
	return names, nil
}

type accessKey struct {
	UserName    string
	AccessKeyId string //nolint:revive // the vendor's spelling
	Status      string
	CreateDate  moment
	// Some tools write the last use beside the key.
	LastUsedDate    moment
	LastUsedService string
	LastUsedRegion  string
}

func (k accessKey) credential(a *accountReader) retinue.Credential {
	id := retinue.CleanName(k.AccessKeyId)
	c := retinue.Credential{Ref: retinue.NewRef(a.realm(), "access_key", key(id)), Name: id, Kind: retinue.CredentialAccessKey,
		Subtype: "iam_access_key", State: keyState(strings.EqualFold(k.Status, "Active")), CreatedAt: k.CreateDate.Time, NeverExpires: true,
		Joins: []retinue.JoinKey{{Kind: retinue.JoinProviderID, Value: "aws:" + id}}}
	if k.UserName != "" {
		userARN := a.named("user", k.UserName)
		c.Identity = refTo("user", userARN, a.account)
		if !k.CreateDate.IsZero() {
			c.Joins = append(c.Joins, retinue.JoinKey{Kind: retinue.JoinProviderID, Value: "aws:" + keyBirthID(userARN, k.CreateDate.Time)})
		}
	}
	return c
}

func (k accessKey) use(ref retinue.Ref) []retinue.Fact {
	if k.LastUsedDate.IsZero() {
		return nil
	}
	return keyUse(ref, lastUsed{LastUsedDate: k.LastUsedDate, ServiceName: k.LastUsedService, Region: k.LastUsedRegion})
}

// keyUse states the last use of a key. AWS answers "N/A" both for a key that
// was never used and for one not used since it began to record, in April 2015.
func keyUse(ref retinue.Ref, u lastUsed) []retinue.Fact {
	when := ""
	if !u.LastUsedDate.IsZero() {
		when = u.LastUsedDate.Format(time.RFC3339)
	}
	return useFact(ref, "last_used", when, keyPrecision, when == "", attrs("service", noValue(u.ServiceName),
		"region", noValue(u.Region), "trackedSince", keyTrackingSince().Format(time.DateOnly)))
}
