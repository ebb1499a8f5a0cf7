package app

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app/itself"
	"github.com/retinue-id/retinue/internal/seal"
)

// SealingConfig says what holds the keys under which secrets are sealed: one of
// its fields, else the environment variable RETINUE_SEALING_KEYS, else the file
// sealing.key beside the fingerprint keys.
type SealingConfig struct {
	// Transit is a key of the transit engine of Vault or OpenBao.
	Transit TransitConfig `yaml:"transit"`
	// KMS is a key of AWS KMS.
	KMS KMSConfig `yaml:"kms"`
}

// TransitConfig names a key of the transit engine.
type TransitConfig struct {
	// Address is the server, such as https://vault.example.com:8200.
	Address string `yaml:"address"`
	// Mount is where the engine is mounted; transit by default.
	Mount string `yaml:"mount"`
	// Key is the name of the key, of type aes256-gcm96.
	Key string `yaml:"key"`
	// Namespace is for Vault Enterprise.
	Namespace string `yaml:"namespace"`
	// TokenFile holds the token to call with; it is read at every call, so that
	// an agent can renew it.
	TokenFile string `yaml:"tokenFile"`
}

// KMSConfig names a key of AWS KMS. The credentials are the machine's own.
type KMSConfig struct {
	// Key is its id, ARN or alias.
	Key string `yaml:"key"`
	// Region is where it is; that of the machine by default.
	Region string `yaml:"region"`
}

// sealKeysEnv holds the sealing keys, instead of a file.
const sealKeysEnv = "RETINUE_SEALING_KEYS"

// What holds the sealing keys.
const (
	sealFile  = "file"
	sealEnv   = "env"
	sealVault = "vault"
	sealKMS   = "kms"
)

// sealKeys are the keys under which an installation seals secrets, and what
// holds them.
type sealKeys struct {
	kind string
	keys seal.Keys
}

// OpenSealer opens the keys under which the installation seals secrets.
func OpenSealer(cfg Config) (*seal.Sealer, error) {
	keys, err := openSealKeys(cfg)
	if err != nil {
		return nil, err
	}
	return seal.New(keys.keys), nil
}

func openSealKeys(cfg Config) (out sealKeys, err error) {
	t, k := cfg.Sealing.Transit, cfg.Sealing.KMS
	switch {
	case t.Key != "" && k.Key != "":
		return out, fmt.Errorf("%w: sealing: name one key, of transit or of kms", retinue.ErrInvalid)
	case t.Key != "":
		out.kind = sealVault
		out.keys, err = seal.NewTransit(seal.Transit{Address: t.Address, Mount: t.Mount, Key: t.Key, Namespace: t.Namespace, Token: tokenOf(t.TokenFile)}, time.Now)
		return out, err
	case k.Key != "":
		var opts []func(*awsconfig.LoadOptions) error
		if k.Region != "" {
			opts = append(opts, awsconfig.WithRegion(k.Region))
		}
		aws, err := awsconfig.LoadDefaultConfig(context.Background(), opts...)
		if err != nil {
			return out, fmt.Errorf("%w: sealing: kms: %v", retinue.ErrInvalid, err)
		}
		out.kind = sealKMS
		out.keys, err = seal.NewKMS(aws, k.Key, time.Now)
		return out, err
	}
	if text := os.Getenv(sealKeysEnv); text != "" {
		out.kind = sealEnv
		out.keys, err = seal.ParseRing(text)
		return out, err
	}
	out.kind = sealFile
	out.keys, err = seal.OpenFile(cfg.sealingKeyFile())
	return out, err
}

// place is where the keys lie.
func (k sealKeys) place(cfg Config) itself.Place {
	switch k.kind {
	case sealFile:
		return keyFile(cfg.sealingKeyFile())
	case sealEnv:
		return itself.Place{Kind: retinue.PlaceEnvironment, Path: "retinue", Field: sealKeysEnv}
	case sealVault:
		t := cfg.Sealing.Transit
		return itself.Place{Kind: retinue.PlaceVault, Path: cmp.Or(t.Mount, "transit") + "/keys/" + t.Key, Private: true}
	}
	return itself.Place{Kind: retinue.PlaceVault, Path: "kms/" + cfg.Sealing.KMS.Key, Private: true}
}

// The names of what is remembered of the sealing key.
const (
	metaSealingKey   = "sealing.key"
	metaSealingSince = "sealing.since"
)

func tokenOf(file string) func() (retinue.Secret, error) {
	return func() (retinue.Secret, error) {
		b, err := os.ReadFile(file)
		if err != nil {
			return retinue.Secret{}, fmt.Errorf("%w: sealing: transit: token: %v", retinue.ErrInvalid, err)
		}
		return retinue.NewSecret(strings.TrimSpace(string(b))), nil
	}
}
