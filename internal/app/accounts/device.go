package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// Devices sign in as RFC 8628 describes: the command line shows a code, its
// person approves it in a browser that is signed in, the command line asks
// until that is done.

// devicePoll is how long a device waits between two questions (RFC 8628,
// section 3.5).
const devicePoll = 5 * time.Second

// deviceFlow is what is remembered of a device.
type deviceFlow struct {
	Client string `json:"client"`
	Origin string `json:"origin"`
	// Decision is "", "approved" or "refused".
	Decision string    `json:"decision"`
	Asked    time.Time `json:"asked"`
}

// BeginDevice begins the sign-in of a device.
func (s *Service) BeginDevice(ctx context.Context, p auth.Presented, client string) (b auth.BegunDevice, err error) {
	if client = clean(client); client == "" || len(client) > 100 {
		client = "command line"
	}
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		if n, err := tx.CountFlows(flowDevice); err != nil || n > maxOpenFlows {
			return errors.Join(err, errBusy)
		}
		code := auth.NewUserCode()
		if _, err := tx.FlowByCode(flowDevice, code); !notFound(err) {
			return errors.Join(err, errBusy)
		}
		secret, _, err := s.beginSecret(tx, store.Flow{Kind: flowDevice, Code: code}, auth.FlowFor, deviceFlow{Client: client, Origin: p.Client})
		b = auth.BegunDevice{DeviceCode: secret, UserCode: code, Page: s.front.Origin() + "/device", ExpiresIn: auth.FlowFor, Interval: devicePoll}
		return err
	})
	return b, err
}

// Device returns the device that shows a code, so that its person can compare.
func (s *Service) Device(ctx context.Context, p auth.Presented, c auth.Caller, userCode string) (d auth.Device, err error) {
	t, err := s.admitDevice(ctx, p, c)
	if err != nil {
		return d, err
	}
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		f, body, err := deviceOf(tx, userCode)
		if err != nil {
			return err
		}
		d = auth.Device{UserCode: f.Code, Name: body.Client, Origin: body.Origin, CreatedAt: f.CreatedAt, ExpiresAt: f.ExpiresAt, Permissions: c.Permissions()}
		return t.settle(tx)
	})
	return d, err
}

// admitDevice slows who tries codes of devices.
func (s *Service) admitDevice(ctx context.Context, p auth.Presented, c auth.Caller) (ticket, error) {
	if c.Kind != auth.KindSession || !c.SignedIn() {
		return ticket{}, errSession
	}
	key := auth.ThrottleKey("device-code", string(c.Account))
	var refused error
	err := s.db.Update(ctx, func(tx *sqlstore.Tx) (err error) {
		if refused, err = tooEarly(tx, []check{{key, auth.PacePair(false)}}); err != nil || refused != nil {
			return err
		}
		return countAll(tx, [][]byte{key})
	})
	return ticket{forget: [][]byte{key}}, errors.Join(err, refused)
}

func deviceOf(tx *sqlstore.Tx, userCode string) (store.Flow, deviceFlow, error) {
	var body deviceFlow
	code, ok := auth.ParseUserCode(userCode)
	if !ok {
		return store.Flow{}, body, fmt.Errorf("%w: no device shows this code", retinue.ErrNotFound)
	}
	f, err := tx.FlowByCode(flowDevice, code)
	if err == nil {
		err = json.Unmarshal(f.Body, &body)
	}
	if notFound(err) || err == nil && body.Decision != "" {
		err = fmt.Errorf("%w: no device shows this code", retinue.ErrNotFound)
	}
	return f, body, err
}

// DecideDevice approves or refuses a device for the caller's account.
func (s *Service) DecideDevice(ctx context.Context, p auth.Presented, c auth.Caller, userCode string, approve bool) error {
	t, err := s.admitDevice(ctx, p, c)
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		account, _, err := s.own(tx, c)
		if err != nil {
			return err
		}
		f, body, err := deviceOf(tx, userCode)
		if err != nil {
			return err
		}
		if body.Decision = "refused"; approve {
			body.Decision = "approved"
		}
		if f.Body, err = json.Marshal(body); err != nil {
			return err
		}
		f.AccountKey = account.Key
		record(tx, c.Actor, retinue.RecordDeviceDecided, string(f.ID), details{"decision": body.Decision}, map[string]string{"origin": body.Origin, "client": body.Client})
		return errors.Join(tx.UpdateFlow(f), t.settle(tx))
	})
}

// PollDevice gives a device its token once it is approved: one that acts for
// the account with all that the account may do, for thirty days.
func (s *Service) PollDevice(ctx context.Context, deviceCode string) (t store.Token, value string, err error) {
	var answer error
	err = s.db.Update(ctx, func(tx *sqlstore.Tx) error {
		var body deviceFlow
		f, err := peek(tx, flowDevice, deviceCode, &body)
		if _, wrong := wrongReason(err); wrong {
			answer = auth.ErrDeviceExpired
			return nil
		}
		if err != nil {
			return err
		}
		switch early := tx.At().Sub(body.Asked) < devicePoll-time.Second; {
		case body.Decision == "" && early:
			answer = auth.ErrDeviceSlow
			return nil
		case body.Decision == "":
			answer, body.Asked = auth.ErrDevicePending, tx.At()
			if f.Body, err = json.Marshal(body); err != nil {
				return err
			}
			return tx.UpdateFlow(f)
		}
		if ended, err := tx.EndFlow(f.Key); err != nil || !ended {
			answer = auth.ErrDeviceExpired
			return err
		}
		if body.Decision == "refused" {
			answer = auth.ErrDeviceRefused
			return nil
		}
		t, value, err = s.deviceToken(tx, f, body)
		return err
	})
	if err == nil {
		err = answer
	}
	return t, value, err
}

func (s *Service) deviceToken(tx *sqlstore.Tx, f store.Flow, body deviceFlow) (store.Token, string, error) {
	c, err := callerOf(tx, f.AccountKey)
	if err != nil {
		return store.Token{}, "", err
	}
	if c.Account == "" {
		return store.Token{}, "", errInactive
	}
	t := store.Token{Kind: store.TokenKindCLI, Name: body.Client, Scope: store.Everything(), ExpiresAt: tx.At().Add(cliTokenLife),
		CreatedBy: c.Actor.Name, Account: c.Account, AccountKey: f.AccountKey, Permissions: []string{}}
	for _, p := range c.Permissions() {
		t.Permissions = append(t.Permissions, string(p))
	}
	value := auth.NewToken()
	t.Hint = auth.TokenHint(value)
	t, err = tx.CreateToken(t, auth.HashSecret(value))
	record(tx, c.Actor, retinue.RecordTokenCreated, string(t.ID), details{"kind": t.Kind, "account": t.Account, "permissions": t.Permissions, "expires": t.ExpiresAt}, nil)
	return t, value, err
}
