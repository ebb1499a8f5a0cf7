package rightsize_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/retinue-id/retinue/internal/access/awsiam"
	"github.com/retinue-id/retinue/internal/access/awsiam/rightsize"
)

// TestManyUses: what a busy identity does in half a year stays a short policy,
// and names that cannot be generalised end in more documents, not in a failure.
func TestManyUses(t *testing.T) {
	var list []rightsize.Use
	for i := range 50_000 {
		list = append(list, rightsize.Use{Action: "s3:PutObject", Resource: fmt.Sprintf("arn:aws:s3:::logs/%04d/%02d/%x.gz", 2000+i%30, i%12, i*7919)})
	}
	r, err := rightsize.Shrink(rightsize.Input{Old: []*awsiam.Policy{parse(t, policy(`{"Effect":"Allow","Action":"s3:*","Resource":"*"}`))}, Uses: list, Data: data(t)})
	if err != nil {
		t.Fatal(err)
	}
	if r.Uses.Allowed != 50_000 || !strings.Contains(string(r.Policy), `"Resource":"arn:aws:s3:::logs/*"`) || r.Size.New > 200 {
		t.Errorf("%+v %.500s", r.Size, r.Policy)
	}
	if len(r.OverGrant) != 1 || r.OverGrant[0].Uses != 50_000 {
		t.Errorf("%+v", r.OverGrant)
	}
}
