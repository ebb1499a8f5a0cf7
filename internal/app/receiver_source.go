package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// pushSource is how records that are pushed are read.
type pushSource struct {
	name    string
	spec    connector.Spec
	options map[string]string
}

// pushSource finds the source that a sender names, or else the kind, and says
// which system its records are of where they do not: the one that the source's
// options name, that it was seen to read, or that the sender alone speaks for.
func (a *App) pushSource(ctx context.Context, col store.Collector, name string) (s pushSource, err error) {
	s = pushSource{name: name, options: map[string]string{}}
	kind := name
	var seen retinue.Realm
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		c, err := tx.SourceConfig(name)
		if err != nil {
			return err
		}
		kind, s.options = c.Source.Kind, maps.Clone(c.Options)
		v, err := a.sourceIn(ctx, tx, name)
		seen = v.Realm
		return err
	})
	if err != nil && !errors.Is(err, retinue.ErrNotFound) {
		return s, err
	}
	known := err == nil
	if s.spec, err = a.Spec(kind); err != nil || s.spec.Activity == nil {
		if known {
			return s, fmt.Errorf("%w: source %s is of kind %s, which reads no logs", retinue.ErrInvalid, name, kind)
		}
		return s, fmt.Errorf("%w: no source is called so, and no kind that reads logs: want the name of a source, or one of %s",
			retinue.ErrNotFound, strings.Join(activityKinds(a.Specs), ", "))
	}
	if s.spec.Activity.Decode == nil && s.spec.Activity.Decoder == nil {
		return s, fmt.Errorf("%w: records of %s make no sense one by one: import its files", retinue.ErrInvalid, kind)
	}
	act := s.spec.Activity
	if act.RealmOption == "" || s.options[act.RealmOption] != "" {
		return s, nil
	}
	own := slices.DeleteFunc(slices.Clone(col.Realms), func(r retinue.Realm) bool { return r.Kind() != act.RealmKind || r.ID() == "*" })
	switch {
	case seen.Kind() == act.RealmKind:
		s.set(act.RealmOption, seen)
	case len(own) == 1:
		s.set(act.RealmOption, own[0])
	}
	return s, nil
}

func (s *pushSource) set(option string, realm retinue.Realm) {
	if s.options == nil {
		s.options = map[string]string{}
	}
	s.options[option] = realm.ID()
}

// decoder makes what decodes records of the source.
func (s *pushSource) decoder(a *App) (func([]byte) ([]retinue.Event, error), error) {
	act := s.spec.Activity
	if act.Decoder == nil {
		return act.Decode, nil
	}
	decode, err := act.Decoder(connector.Config{Name: s.name, Options: s.options, Remote: true}, a.Env(s.name, ScanOptions{}))
	if err != nil {
		return nil, &retinue.FieldError{Field: "query.source", Err: err}
	}
	return decode, nil
}
