package sqlstore_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// update runs fn in an update that must succeed.
func (w *world) update(fn func(tx *sqlstore.Tx) error) {
	w.t.Helper()
	if err := w.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// ok fails the test on an error.
func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) account(login string) (a store.Account) {
	w.t.Helper()
	w.update(func(tx *sqlstore.Tx) (err error) {
		a, err = tx.CreateAccount(store.Account{Login: login, Name: "Name of " + login, Email: login + "@example.org", Origin: store.OriginLocal, Active: true})
		return err
	})
	return a
}

func TestAccounts(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		ann, bob := w.account("Ann"), w.account("bob")
		if err := retinue.CheckID("acc_", string(ann.ID)); err != nil {
			t.Error(err)
		}
		err := w.Update(t.Context(), func(tx *sqlstore.Tx) error {
			_, err := tx.CreateAccount(store.Account{Login: "ANN"})
			return err
		})
		if !errors.Is(err, retinue.ErrConflict) {
			t.Errorf("second ann: %v, want a conflict", err)
		}
		w.update(func(tx *sqlstore.Tx) error {
			if err := tx.SetPassword(ann.Key, "$argon2id$x"); err != nil {
				return err
			}
			if err := tx.SetTOTP(ann.Key, []byte{1, 2, 0, 3}, 10); err != nil {
				return err
			}
			bob.ExternalID, bob.Active = "ext", false
			if err := tx.UpdateAccount(bob); err != nil {
				return err
			}
			bob.Login = "ann"
			if err := tx.UpdateAccount(bob); !errors.Is(err, retinue.ErrConflict) {
				t.Errorf("rename to a taken login: %v", err)
			}
			a, err := tx.AccountByLogin("aNN")
			w.ok(err)
			if !a.HasPassword || !a.HasTOTP || a.Passkeys != 0 || a.Version != 3 || !a.LastSignIn.IsZero() {
				t.Errorf("ann is %+v", a)
			}
			s, err := tx.AccountSecrets(ann.Key)
			w.ok(err)
			if s.Password != "$argon2id$x" || !bytes.Equal(s.TOTP, []byte{1, 2, 0, 3}) || s.TOTPStep != 10 {
				t.Errorf("secrets are %+v", s)
			}
			for step, want := range map[int64]bool{10: false, 9: false} {
				if got, err := tx.UseTOTPStep(ann.Key, step); err != nil || got != want {
					t.Errorf("step %d: %v %v", step, got, err)
				}
			}
			if got, err := tx.UseTOTPStep(ann.Key, 11); err != nil || !got {
				t.Errorf("step 11: %v %v", got, err)
			}
			yes := true
			for _, q := range []struct {
				q    store.AccountQuery
				want []string
			}{
				{store.AccountQuery{}, []string{"ann", "bob"}},
				{store.AccountQuery{Active: &yes}, []string{"ann"}},
				{store.AccountQuery{ExternalID: "ext"}, []string{"bob"}},
				{store.AccountQuery{Login: "BOB"}, []string{"bob"}},
				{store.AccountQuery{Text: "NAME OF B"}, []string{"bob"}},
				{store.AccountQuery{Text: "%"}, nil},
				{store.AccountQuery{After: "ann"}, []string{"bob"}},
				{store.AccountQuery{Limit: 1, Offset: 1}, []string{"bob"}},
			} {
				list, _, err := tx.Accounts(q.q)
				w.ok(err)
				var got []string
				for _, a := range list {
					got = append(got, a.Login)
				}
				if !slices.Equal(got, q.want) {
					t.Errorf("%+v: %v, want %v", q.q, got, q.want)
				}
			}
			return nil
		})
	})
}

func TestDeleteAccountLeavesNothing(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		ann := w.account("ann")
		w.update(func(tx *sqlstore.Tx) error {
			w.ok(tx.SetRecoveryCodes(ann.Key, [][]byte{{1}, {2}}))
			w.ok(tx.LinkSubject("https://idp", "s", ann.Key))
			_, err := tx.AddPasskey(store.Passkey{AccountKey: ann.Key, CredentialID: []byte{9}, Name: "key", Body: []byte("{}")})
			w.ok(err)
			g, err := tx.CreateGroup(store.AccountGroup{Name: "g", Origin: store.OriginLocal})
			w.ok(err)
			w.ok(tx.AddMember(g.Key, ann.Key))
			_, err = tx.Bind(store.RoleBinding{Role: "viewer"}, ann.Key, 0)
			w.ok(err)
			_, err = tx.CreateSession(store.Session{AccountKey: ann.Key, Hash: []byte{1}, ExpiresAt: day(9)})
			w.ok(err)
			_, err = tx.CreateToken(store.Token{Kind: store.TokenKindAPI, AccountKey: ann.Key, ExpiresAt: day(9)}, []byte{2})
			w.ok(err)
			_, err = tx.CreateFlow(store.Flow{Kind: "k", AccountKey: ann.Key, ExpiresAt: day(9)}, []byte{3})
			w.ok(err)
			w.ok(tx.KnowDevice([]byte{4}, ann.Key))
			return tx.DeleteAccount(ann.Key)
		})
		for _, table := range []string{"accounts", "account_codes", "account_subjects", "passkeys", "account_group_members", "role_bindings",
			"sessions", "api_tokens", "sign_in_flows", "known_devices"} {
			if got := rowsOf(t, w, "SELECT count(*) FROM "+table); got[0] != "0" {
				t.Errorf("%s has %s rows", table, got[0])
			}
		}
	})
}

func TestRecoveryCodesAndPasskeys(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		ann, bob := w.account("ann"), w.account("bob")
		w.update(func(tx *sqlstore.Tx) error {
			w.ok(tx.SetRecoveryCodes(ann.Key, [][]byte{{1}, {2}}))
			for i, want := range []bool{true, false} {
				if got, err := tx.UseRecoveryCode(ann.Key, []byte{1}); err != nil || got != want {
					t.Errorf("use %d: %v %v", i, got, err)
				}
			}
			if got, _ := tx.UseRecoveryCode(bob.Key, []byte{2}); got {
				t.Error("bob used a code of ann's")
			}
			if n, err := tx.RecoveryCodesLeft(ann.Key); err != nil || n != 1 {
				t.Errorf("left: %d %v", n, err)
			}
			p, err := tx.AddPasskey(store.Passkey{AccountKey: ann.Key, CredentialID: []byte{0, 1}, Name: "key", Body: []byte(`{"a":1}`)})
			w.ok(err)
			if _, err := tx.AddPasskey(store.Passkey{AccountKey: bob.Key, CredentialID: []byte{0, 1}}); !errors.Is(err, retinue.ErrConflict) {
				t.Errorf("the same authenticator twice: %v", err)
			}
			w.ok(tx.UsePasskey([]byte{0, 1}, []byte(`{"a":2}`)))
			if removed, _ := tx.RemovePasskey(bob.Key, p.ID); removed {
				t.Error("bob removed a passkey of ann's")
			}
			list, err := tx.Passkeys(ann.Key)
			w.ok(err)
			if len(list) != 1 || string(list[0].Body) != `{"a":2}` || list[0].LastUsed.IsZero() {
				t.Errorf("passkeys are %+v", list)
			}
			if removed, err := tx.RemovePasskey(ann.Key, p.ID); err != nil || !removed {
				t.Errorf("remove: %v %v", removed, err)
			}
			return nil
		})
	})
}

func TestGroupsAndBindings(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		ann, bob := w.account("ann"), w.account("bob")
		w.update(func(tx *sqlstore.Tx) error {
			g, err := tx.CreateGroup(store.AccountGroup{Name: "Team", Origin: store.OriginSCIM})
			w.ok(err)
			if _, err := tx.CreateGroup(store.AccountGroup{Name: "Team"}); !errors.Is(err, retinue.ErrConflict) {
				t.Errorf("second group of the name: %v", err)
			}
			w.ok(tx.AddMember(g.Key, ann.Key))
			w.ok(tx.AddMember(g.Key, ann.Key))
			scope := store.RowScope{Tags: []string{"team=pay"}}
			direct, err := tx.Bind(store.RoleBinding{Role: "viewer", Scope: scope, Own: true, Origin: "manual", CreatedBy: "x"}, ann.Key, 0)
			w.ok(err)
			_, err = tx.Bind(store.RoleBinding{Role: "auditor", Scope: store.Everything(), Origin: "manual"}, 0, g.Key)
			w.ok(err)
			got, err := tx.BindingsOf(ann.Key)
			w.ok(err)
			if len(got) != 2 || got[0].ID != direct.ID || !got[0].Own || got[0].Account != ann.ID || !slices.Equal(got[0].Scope.Tags, scope.Tags) ||
				got[1].Group != g.ID || !got[1].Scope.All {
				t.Errorf("bindings are %+v", got)
			}
			none, err := tx.BindingsOf(bob.Key)
			w.ok(err)
			if len(none) != 0 {
				t.Errorf("bob has %+v", none)
			}
			list, total, err := tx.Groups("Team", 0, 10)
			w.ok(err)
			if total != 1 || list[0].Members != 1 {
				t.Errorf("groups are %+v", list)
			}
			w.ok(tx.RemoveMember(g.Key, ann.Key))
			members, err := tx.MembersOf(g.Key)
			w.ok(err)
			if len(members) != 0 {
				t.Errorf("members are %+v", members)
			}
			w.ok(tx.Unbind(direct.ID))
			w.ok(tx.DeleteGroup(g.Key))
			all, err := tx.Bindings()
			w.ok(err)
			if len(all) != 0 {
				t.Errorf("bindings left: %+v", all)
			}
			return nil
		})
	})
}

func TestSessions(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		ann := w.account("ann")
		var s store.Session
		w.update(func(tx *sqlstore.Tx) (err error) {
			s, err = tx.CreateSession(store.Session{AccountKey: ann.Key, Hash: []byte{1}, Method: "password", ExpiresAt: day(7), Origin: "192.0.2.1", Agent: "b"})
			return err
		})
		w.update(func(tx *sqlstore.Tx) error {
			won, err := tx.RotateSession(s.Key, []byte{1}, []byte{2}, s.RotatedAt)
			w.ok(err)
			lost, err := tx.RotateSession(s.Key, []byte{1}, []byte{3}, s.RotatedAt)
			w.ok(err)
			if !won || lost {
				t.Errorf("two requests rotate at once: %v %v", won, lost)
			}
			old, err := tx.SessionByHash([]byte{1})
			w.ok(err)
			now, err := tx.SessionByHash([]byte{2})
			w.ok(err)
			if !old.Replaced || now.Replaced || old.ID != now.ID || !now.ConfirmedAt.IsZero() || now.Account != ann.ID {
				t.Errorf("old %+v, now %+v", old, now)
			}
			w.ok(tx.ConfirmSession(s.Key))
			w.ok(tx.FreshenSession(s.Key, ""))
			now, err = tx.SessionByHash([]byte{2})
			w.ok(err)
			if now.ConfirmedAt.IsZero() || now.FreshAt.IsZero() {
				t.Errorf("not confirmed: %+v", now)
			}
			_, err = tx.CreateSession(store.Session{AccountKey: ann.Key, Hash: []byte{5}, ExpiresAt: day(7)})
			w.ok(err)
			n, err := tx.EndSessionsOf(ann.Key, s.Key)
			w.ok(err)
			if n != 1 {
				t.Errorf("ended %d", n)
			}
			return nil
		})
		w.time = day(8)
		w.update(func(tx *sqlstore.Tx) error { return tx.SweepSignIn(100*24*time.Hour, time.Hour, time.Hour) })
		w.update(func(tx *sqlstore.Tx) error {
			if _, err := tx.SessionByHash([]byte{2}); !errors.Is(err, retinue.ErrNotFound) {
				t.Errorf("a session past its end: %v", err)
			}
			return nil
		})
	})
}

func TestTokens(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		ann := w.account("ann")
		w.update(func(tx *sqlstore.Tx) error {
			api, err := tx.CreateToken(store.Token{Kind: store.TokenKindAPI, Name: "a", AccountKey: ann.Key, Permissions: []string{"inventory.read"},
				Scope: store.RowScope{Sources: []string{"s"}}, ExpiresAt: day(1)}, []byte{1})
			w.ok(err)
			_, err = tx.CreateToken(store.Token{Kind: store.TokenKindCollector, Name: "c", Realms: []retinue.Realm{"r:1"}, ExpiresAt: day(1)}, []byte{2})
			w.ok(err)
			_, err = tx.CreateToken(store.Token{Kind: store.TokenKindAPI, Name: "old", AccountKey: ann.Key, ExpiresAt: day(-1)}, []byte{3})
			w.ok(err)
			got, err := tx.TokenByHash([]byte{1})
			w.ok(err)
			if got.ID != api.ID || got.Account != ann.ID || !slices.Equal(got.Scope.Sources, []string{"s"}) || !got.LastUsed.IsZero() {
				t.Errorf("token is %+v", got)
			}
			w.ok(tx.UseToken(got.Key))
			for want, q := range map[int]store.TokenQuery{2: {}, 1: {Account: ann.ID}, 3: {Ended: true}} {
				list, err := tx.Tokens(q)
				w.ok(err)
				if len(list) != want {
					t.Errorf("%+v: %d tokens, want %d", q, len(list), want)
				}
			}
			collectors, err := tx.Tokens(store.TokenQuery{Kind: store.TokenKindCollector})
			w.ok(err)
			if len(collectors) != 1 || !slices.Equal(collectors[0].Realms, []retinue.Realm{"r:1"}) || collectors[0].Account != "" {
				t.Errorf("collectors are %+v", collectors)
			}
			for i, want := range []bool{true, false} {
				if got, err := tx.RevokeToken(api.Key); err != nil || got != want {
					t.Errorf("revoke %d: %v %v", i, got, err)
				}
			}
			return nil
		})
	})
}

func TestFlowsThrottlesAndDenials(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		ann := w.account("ann")
		subject := []byte("subject")
		w.update(func(tx *sqlstore.Tx) error {
			f, err := tx.CreateFlow(store.Flow{Kind: "device", Code: "ABCD", ExpiresAt: day(1)}, []byte{1})
			w.ok(err)
			if _, err := tx.FlowByHash("other", []byte{1}); !errors.Is(err, retinue.ErrNotFound) {
				t.Errorf("a flow of another kind: %v", err)
			}
			f.AccountKey, f.Body = ann.Key, []byte(`{"x":1}`)
			w.ok(tx.UpdateFlow(f))
			got, err := tx.FlowByCode("device", "ABCD")
			w.ok(err)
			if got.AccountKey != ann.Key || string(got.Body) != `{"x":1}` {
				t.Errorf("flow is %+v", got)
			}
			if n, err := tx.TryFlow(f.Key); err != nil || n != 1 {
				t.Errorf("attempts: %d %v", n, err)
			}
			for i, want := range []bool{true, false} {
				if got, err := tx.EndFlow(f.Key); err != nil || got != want {
					t.Errorf("end %d: %v %v", i, got, err)
				}
			}
			w.ok(tx.CountFailure(subject, time.Hour))
			w.ok(tx.CountFailure(subject, time.Hour))
			th, err := tx.Throttle(subject)
			w.ok(err)
			if th.Failures != 2 || !th.LastAt.Equal(tx.At()) {
				t.Errorf("throttle is %+v", th)
			}
			for range 2 {
				w.ok(tx.CountDenials(store.Denials{Minute: day0, Origin: "o", Reason: "password", Count: 2}))
			}
			w.ok(tx.KnowDevice([]byte{7}, ann.Key))
			known, err := tx.DeviceKnown([]byte{7}, ann.Key)
			w.ok(err)
			other, err := tx.DeviceKnown([]byte{7}, ann.Key+1)
			w.ok(err)
			if !known || other {
				t.Errorf("device known %v, to another account %v", known, other)
			}
			return nil
		})
		w.time = day0.Add(2 * time.Hour)
		w.update(func(tx *sqlstore.Tx) error {
			w.ok(tx.CountFailure(subject, time.Hour))
			th, err := tx.Throttle(subject)
			w.ok(err)
			if th.Failures != 1 {
				t.Errorf("after the window: %+v", th)
			}
			d, err := tx.TakeDenials(tx.At())
			w.ok(err)
			if len(d) != 1 || d[0].Count != 4 || !d[0].Minute.Equal(day0) {
				t.Errorf("denials are %+v", d)
			}
			d, err = tx.TakeDenials(tx.At())
			if len(d) != 0 {
				t.Errorf("taken twice: %+v", d)
			}
			return err
		})
	})
}

func TestProviders(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		ann := w.account("ann")
		w.update(func(tx *sqlstore.Tx) error {
			p, err := tx.PutProvider(store.SSOProvider{ID: "sso_1", Name: "IdP", Issuer: "https://idp", ClientID: "c", Sealed: []byte{1}, Enabled: true,
				GroupsClaim: "groups", Mappings: []store.SSOMapping{{Group: "g", Role: "viewer", Scope: store.Everything()}}})
			w.ok(err)
			p.Enabled = false
			p, err = tx.PutProvider(p)
			w.ok(err)
			got, err := tx.Provider("sso_1")
			w.ok(err)
			if got.Version != 2 || got.Enabled || !got.HasSecret || len(got.Mappings) != 1 || !got.Mappings[0].Scope.All {
				t.Errorf("provider is %+v", got)
			}
			_, err = tx.Bind(store.RoleBinding{Role: "viewer", Origin: "sso:sso_1"}, ann.Key, 0)
			w.ok(err)
			w.ok(tx.LinkSubject("https://idp", "s", ann.Key))
			linked, err := tx.AccountOfSubject("https://idp", "s")
			w.ok(err)
			if linked.ID != ann.ID {
				t.Errorf("linked to %+v", linked)
			}
			w.ok(tx.RemoveProvider(p))
			bindings, err := tx.Bindings()
			w.ok(err)
			if _, err := tx.AccountOfSubject("https://idp", "s"); !errors.Is(err, retinue.ErrNotFound) || len(bindings) != 0 {
				t.Errorf("left after the provider: %v %v", err, bindings)
			}
			return nil
		})
	})
}
