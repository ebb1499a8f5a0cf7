package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsdata"
	"github.com/retinue-id/retinue/internal/access/k8sdata"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// referenceAWS is the name of the reference data about AWS, and metaReference
// where the day of what was brought in is remembered.
const (
	referenceAWS  = "aws"
	metaReference = "reference.aws"
)

// ReferenceData says which reference data is in force.
type ReferenceData struct {
	Name string `json:"name"`
	// Date is the day of its content, Embedded that of the copy in the program.
	Date     time.Time `json:"date"`
	Embedded time.Time `json:"embedded"`
	// BroughtIn is when it was brought in; zero for the copy in the program.
	BroughtIn time.Time        `json:"broughtIn,omitzero"`
	Services  int              `json:"services"`
	Actions   int              `json:"actions"`
	Policies  int              `json:"policies"`
	Sources   []awsdata.Source `json:"sources"`
	// Kubernetes is the version whose default roles the program holds, and
	// DefaultRoles how many there are.
	Kubernetes   string `json:"kubernetes"`
	DefaultRoles int    `json:"defaultRoles"`
}

// AWSReference is the reference data about AWS that is in force: what was
// brought in, unless the program has newer.
func (a *App) AWSReference(ctx context.Context) (*awsdata.Data, error) {
	d, _, err := a.awsReference(ctx)
	return d, err
}

func (a *App) awsReference(ctx context.Context) (d *awsdata.Data, kept store.Reference, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		d, kept, err = awsReferenceOf(tx)
		return err
	})
	return d, kept, err
}

func awsReferenceOf(tx *sqlstore.Tx) (*awsdata.Data, store.Reference, error) {
	own, err := awsdata.Embedded()
	if err != nil {
		return nil, store.Reference{}, err
	}
	kept, have, err := tx.Reference(referenceAWS)
	if err != nil || !have || !kept.Date.After(own.About().Date) {
		return own, store.Reference{}, err
	}
	d, err := awsdata.Load(bytes.NewReader(kept.Body))
	if err != nil {
		return nil, kept, fmt.Errorf("read the reference data that was brought in on %s: %w", kept.RecordedAt.Format(time.DateOnly), err)
	}
	return d, kept, nil
}

// Reference says which reference data is in force.
func (a *App) Reference(ctx context.Context) (ReferenceData, error) {
	d, kept, err := a.awsReference(ctx)
	if err != nil {
		return ReferenceData{}, err
	}
	own, err := awsdata.Embedded()
	if err != nil {
		return ReferenceData{}, err
	}
	out := ReferenceData{Name: referenceAWS, Date: d.About().Date, Embedded: own.About().Date, BroughtIn: kept.RecordedAt,
		Services: len(d.Services()), Policies: len(d.ManagedPolicies()), Sources: d.About().Sources}
	roles, err := k8sdata.Embedded()
	if err != nil {
		return ReferenceData{}, err
	}
	out.Kubernetes, out.DefaultRoles = roles.Version, len(roles.Roles())
	for _, prefix := range d.Services() {
		if s, ok := d.Service(prefix); ok {
			out.Actions += len(s.Actions)
		}
	}
	return out, nil
}

// UpdateReference brings in a file of reference data, checked whole before
// anything is changed. One that is no newer than what is in force is refused
// with retinue.ErrConflict.
func (a *App) UpdateReference(ctx context.Context, file io.Reader) (ReferenceData, error) {
	// One byte more than a file may have, so that Load can say so.
	text, err := io.ReadAll(io.LimitReader(file, awsdata.MaxFile+1))
	if err != nil {
		return ReferenceData{}, fmt.Errorf("read reference data: %w", err)
	}
	d, err := awsdata.Load(bytes.NewReader(text))
	if err != nil {
		return ReferenceData{}, err
	}
	is, err := a.Reference(ctx)
	if err != nil {
		return ReferenceData{}, err
	}
	if date := d.About().Date; !date.After(is.Date) {
		return is, fmt.Errorf("%w: update reference data: the file is of %s, and what is in force of %s", retinue.ErrConflict,
			date.Format(time.DateOnly), is.Date.Format(time.DateOnly))
	}
	err = a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		tx.Record(Actor(), retinue.RecordReferenceUpdated, referenceAWS, map[string]any{"date": d.About().Date.Format(time.DateOnly), "before": is.Date.Format(time.DateOnly)})
		if err := tx.SetMeta(metaReference, d.About().Date.Format(time.DateOnly)); err != nil {
			return err
		}
		return tx.SetReference(store.Reference{Name: referenceAWS, Date: d.About().Date, Body: text})
	})
	if err != nil {
		return ReferenceData{}, fmt.Errorf("update reference data: %w", err)
	}
	return a.Reference(ctx)
}

// ResetReference goes back to the copy in the program. It returns
// retinue.ErrNotFound where that is in force already.
func (a *App) ResetReference(ctx context.Context) (ReferenceData, error) {
	err := a.DB.Update(ctx, func(tx *sqlstore.Tx) error {
		gone, err := tx.DropReference(referenceAWS)
		if err == nil && !gone {
			return fmt.Errorf("%w: no reference data was brought in: the copy in the program is in force", retinue.ErrNotFound)
		}
		if err != nil {
			return err
		}
		tx.Record(Actor(), retinue.RecordReferenceReset, referenceAWS, nil)
		return tx.SetMeta(metaReference, "")
	})
	if err != nil {
		return ReferenceData{}, err
	}
	return a.Reference(ctx)
}
