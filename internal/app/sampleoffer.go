package app

import (
	"context"

	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/store/sqlstore"
)

// fewIdentities is the number of non-human identities below which an
// installation has too little in it to show what a team would see.
const fewIdentities = 25

// SampleCommand makes the sample company in a database of its own and serves
// it beside a running server.
const SampleCommand = "retinue demo --serve --listen 127.0.0.1:8421"

// SampleOffer returns the command that makes the sample company, where an
// installation has little to show, else "".
func (a *App) SampleOffer(ctx context.Context) (offer string, err error) {
	err = a.DB.View(ctx, store.Everything(), func(tx *sqlstore.Tx) error {
		f, err := tx.Figures()
		offer = a.sampleOffer(f)
		return err
	})
	return offer, err
}

func (a *App) sampleOffer(f store.Figures) string {
	if a.demo || f.NonHuman >= fewIdentities {
		return ""
	}
	return SampleCommand
}
