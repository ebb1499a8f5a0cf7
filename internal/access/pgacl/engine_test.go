package pgacl_test

import (
	"github.com/retinue-id/retinue/internal/access/estate"
	"github.com/retinue-id/retinue/internal/access/pgacl"
)

var _ estate.Engine = (*pgacl.Engine)(nil)
