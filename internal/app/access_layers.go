package app

import (
	"context"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// AWSLayers returns what an export of AWS holds of an identity, named by its
// ARN: its policies, its boundary and the organisation's policies over it. The
// gaps say what was not read.
func AWSLayers(ctx context.Context, export, arn string, opt ScanOptions) (layers awsiam.Layers, gaps []string, err error) {
	err = throwaway(ctx, []StateExport{{Kind: "aws", Path: export}}, opt, func(a *App, _ []retinue.Realm) error {
		p, err := a.AccessPaths(ctx)
		if err != nil {
			return err
		}
		var ok bool
		if layers, ok = p.Layers(arn); !ok {
			return fmt.Errorf("%w: %s holds no user or role %.200q: name one by its ARN", retinue.ErrNotFound, export, arn)
		}
		gaps = append(p.Partial, p.Gaps...)
		for _, l := range layers.Unread {
			gaps = append(gaps, "the "+l.String()+" were not read")
		}
		return nil
	})
	return layers, gaps, err
}
