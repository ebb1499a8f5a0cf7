package app

import (
	"context"

	"github.com/retinue-id/retinue/internal/store"
)

// Judge judges what was touched, as the job does.
func (a *App) Judge(ctx context.Context) error { return a.judge(ctx) }

// RunScanJob works a job of a scan, as the queue does.
func (a *App) RunScanJob(ctx context.Context, id store.ScanID) error {
	return a.runScan(ctx, scanJob{id})
}
