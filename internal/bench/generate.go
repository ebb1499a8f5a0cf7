package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
)

// Generate makes an enterprise up and writes it to the folder Options.Out:
//
//	manifest.json  what to read as what
//	sources/       exports of the systems as of the end
//	logs/          what the systems logged
//	truth.json     what is really so; what is measured must not read it
//
// The folder must be empty or absent. When it fails, or ctx ends, what was
// written stays there.
func Generate(ctx context.Context, o Options) (Truth, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Truth{}, err
	}
	if entries, err := os.ReadDir(o.Out); err == nil && len(entries) > 0 {
		return Truth{}, fmt.Errorf("%w: generate: %s is not empty", retinue.ErrConflict, o.Out)
	}
	e, err := newEnterprise(o)
	if err != nil {
		return Truth{}, fmt.Errorf("generate: %w", err)
	}
	if err := e.write(ctx); err != nil {
		return Truth{}, fmt.Errorf("generate: %w", err)
	}
	t := e.truth()
	data, err := json.MarshalIndent(t, "", " ")
	if err != nil {
		return t, fmt.Errorf("generate: encode truth: %w", err)
	}
	return t, writeFile(filepath.Join(o.Out, "truth.json"), append(data, '\n'))
}

// write makes one day after the other, then the exports as of the end.
func (e *enterprise) write(ctx context.Context) error {
	spools := map[*system]spool{}
	for _, s := range e.systems {
		spools[s] = e.newSpool(s)
	}
	var deeds []deed
	for day := e.from; day.Before(e.to); day = day.AddDate(0, 0, 1) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		deeds = e.deeds(day, deeds)
		for i := range deeds {
			d := &deeds[i]
			hidden := d.hidden()
			d.count(hidden)
			if hidden != "" {
				continue
			}
			if err := spools[d.by.id.sys].write(d); err != nil {
				return err
			}
		}
		if err := e.endDay(spools, day); err != nil {
			return err
		}
	}
	for _, s := range e.systems {
		if err := spools[s].close(); err != nil {
			return err
		}
	}
	return e.export()
}

func (e *enterprise) endDay(spools map[*system]spool, day time.Time) error {
	for _, s := range e.systems {
		if err := spools[s].endDay(day); err != nil {
			return err
		}
	}
	return nil
}

// mixText turns a text into a word for draws.
func mixText(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // to memory: it cannot fail
	return h.Sum64()
}

func sortBy[T any](s []T, less func(a, b *T) bool) {
	slices.SortStableFunc(s, func(a, b T) int {
		switch {
		case less(&a, &b):
			return -1
		case less(&b, &a):
			return 1
		}
		return 0
	})
}

func joined(errs ...error) error { return errors.Join(errs...) }
