package seal_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/seal"
)

// TestTransit runs against a server that answers as the documentation of
// Vault's transit engine says. It is no Vault.
func TestTransit(t *testing.T) {
	version, calls, down := 1, map[string]int{}, false
	keys := map[string]string{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls[r.URL.Path]++
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if r.Header.Get("X-Vault-Token") != "t" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		var in map[string]any
		_ = json.NewDecoder(r.Body).Decode(&in)
		data := map[string]any{}
		switch r.Method + " " + r.URL.Path {
		case "GET /v1/transit/keys/retinue":
			data["latest_version"] = version
		case "POST /v1/transit/datakey/plaintext/retinue":
			plain := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(fmt.Sprint(len(keys)%10), 32)))
			wrapped := fmt.Sprintf("vault:v%d:%d", version, len(keys))
			keys[wrapped] = plain
			data["plaintext"], data["ciphertext"] = plain, wrapped
		case "POST /v1/transit/decrypt/retinue":
			plain, ok := keys[fmt.Sprint(in["ciphertext"])]
			if !ok {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			data["plaintext"] = plain
		default:
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
	}))
	defer srv.Close()
	token := "t"
	open := func() *seal.Sealer {
		r, err := seal.NewTransit(seal.Transit{Address: srv.URL, Key: "retinue", Token: func() (retinue.Secret, error) { return retinue.NewSecret(token), nil }}, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		return seal.New(r)
	}
	s := open()
	a, err := s.Seal(t.Context(), []byte("v"), place)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Seal(t.Context(), []byte("w"), place); err != nil || calls["/v1/transit/datakey/plaintext/retinue"] != 1 {
		t.Errorf("a data key for each value: %v %v", calls, err)
	}
	fresh := open() // as after a restart
	if got, err := fresh.Open(t.Context(), a, place); err != nil || string(got) != "v" {
		t.Errorf("open: %q %v", got, err)
	}
	version = 2 // the key was rotated in Vault
	next := open()
	b, changed, err := next.Reseal(t.Context(), a, place)
	if id, _ := seal.KeyOf(b); err != nil || !changed || id != "transit:retinue:v2" {
		t.Errorf("sealed again under %s: %v %v", id, changed, err)
	}
	down = true
	if got, err := next.Open(t.Context(), b, place); err != nil || string(got) != "v" {
		t.Errorf("while the service is down: %q %v", got, err)
	}
	if _, err := open().Open(t.Context(), b, place); !errors.Is(err, retinue.ErrUnavailable) {
		t.Errorf("after a restart while it is down: %v", err)
	}
	down, token = false, "wrong"
	if _, err := open().Seal(t.Context(), []byte("v"), place); !errors.Is(err, retinue.ErrDenied) {
		t.Errorf("with a wrong token: %v", err)
	}
}

// TestKMS runs the SDK against a server that answers as the API reference of
// AWS KMS says. It is no KMS.
func TestKMS(t *testing.T) {
	plain := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			KeyID             string `json:"KeyId"`
			CiphertextBlob    string
			EncryptionContext map[string]string
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		blob := base64.StdEncoding.EncodeToString([]byte("wrapped"))
		if in.KeyID != "alias/retinue" || in.EncryptionContext["application"] != "retinue" || in.CiphertextBlob != "" && in.CiphertextBlob != blob {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"__type":"InvalidCiphertextException"}`))
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"Plaintext": plain, "CiphertextBlob": blob, "KeyId": in.KeyID})
	}))
	defer srv.Close()
	cfg := aws.Config{Region: "eu-central-1", BaseEndpoint: &srv.URL, Credentials: credentials.NewStaticCredentialsProvider("id", "for-tests", "")}
	open := func(key string) *seal.Sealer {
		r, err := seal.NewKMS(cfg, key, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		return seal.New(r)
	}
	a, err := open("alias/retinue").Seal(t.Context(), []byte("v"), place)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := open("alias/retinue").Open(t.Context(), a, place); err != nil || string(got) != "v" {
		t.Errorf("open: %q %v", got, err)
	}
	if _, err := open("alias/other").Open(t.Context(), a, place); !errors.Is(err, retinue.ErrInvalid) {
		t.Errorf("by another key: %v", err)
	}
}
