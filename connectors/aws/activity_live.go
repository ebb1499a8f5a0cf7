package aws

import (
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

func openLiveTrail(*trailReader, connector.Config, connector.Env) (connector.ActivityReader, error) {
	return nil, fmt.Errorf("%w: not yet", retinue.ErrUnsupported)
}
