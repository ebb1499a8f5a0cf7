package seal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/retinue-id/retinue"
)

// NewKMS returns keys that AWS KMS holds. The caller needs kms:GenerateDataKey
// and kms:Decrypt on the key. KMS rotates the material behind a key by itself
// and opens what older material wrapped.
func NewKMS(cfg aws.Config, keyID string, now func() time.Time) (*Remote, error) {
	if keyID == "" {
		return nil, fmt.Errorf("%w: kms: name the key", retinue.ErrInvalid)
	}
	return newRemote(awsKMS{kms.NewFromConfig(cfg), keyID}, now), nil
}

type awsKMS struct {
	client *kms.Client
	key    string
}

// kmsContext is authenticated with every data key, and stands in CloudTrail.
func kmsContext() map[string]string { return map[string]string{"application": "retinue"} }

func (k awsKMS) current(context.Context) (string, error) { return "kms:" + k.key, nil }

func (k awsKMS) generate(ctx context.Context) (DataKey, error) {
	out, err := k.client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &k.key, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: kmsContext()})
	if err != nil {
		return DataKey{}, kmsError("make data key", err)
	}
	return DataKey{ID: "kms:" + k.key, Wrapped: out.CiphertextBlob, Key: out.Plaintext}, nil
}

func (k awsKMS) decrypt(ctx context.Context, wrapped []byte) ([]byte, error) {
	out, err := k.client.Decrypt(ctx, &kms.DecryptInput{KeyId: &k.key, CiphertextBlob: wrapped, EncryptionContext: kmsContext()})
	if err != nil {
		return nil, kmsError("unwrap data key", err)
	}
	return out.Plaintext, nil
}

func kmsError(what string, err error) error {
	var gone *kmstypes.NotFoundException
	var bad *kmstypes.InvalidCiphertextException
	kind := retinue.ErrUnavailable
	switch {
	case errors.As(err, &gone):
		kind = retinue.ErrNotFound
	case errors.As(err, &bad):
		kind = retinue.ErrInvalid
	}
	return fmt.Errorf("%w: %s by kms: %v", kind, what, err)
}
