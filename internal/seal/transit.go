package seal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

// Transit is a key of the transit engine of Vault or OpenBao.
type Transit struct {
	// Address is the server, such as https://vault.example.com:8200.
	Address string
	// Mount is where the engine is mounted; transit where empty.
	Mount string
	// Key is the name of the key, of type aes256-gcm96.
	Key string
	// Namespace is for Vault Enterprise.
	Namespace string
	// Token returns the token to call with; it is asked before every call.
	Token func() (retinue.Secret, error)
	HTTP  *http.Client
}

// NewTransit returns keys that the transit engine holds. The policy of the
// token needs update on <mount>/datakey/plaintext/<key> and
// <mount>/decrypt/<key>, and read on <mount>/keys/<key>. The calls are those of
// the documented HTTP API of Vault 1.x.
func NewTransit(t Transit, now func() time.Time) (*Remote, error) {
	u, err := url.Parse(t.Address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("%w: transit: address: want https://host:port", retinue.ErrInvalid)
	}
	if t.Mount == "" {
		t.Mount = "transit"
	}
	if t.Key == "" || t.Token == nil {
		return nil, fmt.Errorf("%w: transit: name the key and the token", retinue.ErrInvalid)
	}
	if t.HTTP == nil {
		t.HTTP = &http.Client{Timeout: 15 * time.Second}
	}
	return newRemote(transit{t}, now), nil
}

type transit struct{ Transit }

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

func (t transit) call(ctx context.Context, method, path string, body, into any) error {
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		text = bytes.NewReader(b)
	}
	address := strings.TrimSuffix(t.Address, "/") + "/v1/" + strings.Trim(t.Mount, "/") + "/" + path
	r, err := http.NewRequestWithContext(ctx, method, address, text)
	if err != nil {
		return fmt.Errorf("%w: ask transit: %v", retinue.ErrInvalid, err)
	}
	token, err := t.Token()
	if err != nil {
		return err
	}
	r.Header.Set("X-Vault-Token", token.Reveal())
	r.Header.Set("X-Vault-Request", "true")
	if t.Namespace != "" {
		r.Header.Set("X-Vault-Namespace", t.Namespace)
	}
	res, err := t.HTTP.Do(r)
	if err != nil {
		return fmt.Errorf("%w: ask transit: %v", retinue.ErrUnavailable, err)
	}
	defer func() { _ = res.Body.Close() }()
	switch {
	case res.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%w: ask transit: the token may not %s %s", retinue.ErrDenied, method, path)
	case res.StatusCode == http.StatusBadRequest:
		return fmt.Errorf("%w: ask transit: it does not know the key or the value", retinue.ErrInvalid)
	case res.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w: ask transit: there is no %s", retinue.ErrNotFound, path)
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("%w: ask transit: status %d", retinue.ErrUnavailable, res.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		return fmt.Errorf("%w: ask transit: the answer is not what is documented", retinue.ErrUnavailable)
	}
	return nil
}

func (t transit) current(ctx context.Context) (string, error) {
	var out struct {
		Data struct {
			LatestVersion int `json:"latest_version"`
		} `json:"data"`
	}
	if err := t.call(ctx, http.MethodGet, "keys/"+url.PathEscape(t.Key), nil, &out); err != nil {
		return "", err
	}
	return t.id(out.Data.LatestVersion), nil
}

func (t transit) id(version int) string { return fmt.Sprintf("transit:%s:v%d", t.Key, version) }

func (t transit) generate(ctx context.Context) (DataKey, error) {
	var out struct {
		Data struct {
			Plaintext  string `json:"plaintext"`
			Ciphertext string `json:"ciphertext"`
		} `json:"data"`
	}
	if err := t.call(ctx, http.MethodPost, "datakey/plaintext/"+url.PathEscape(t.Key), map[string]any{"bits": 256}, &out); err != nil {
		return DataKey{}, err
	}
	key, err := base64.StdEncoding.DecodeString(out.Data.Plaintext)
	version := 0
	if _, scan := fmt.Sscanf(out.Data.Ciphertext, "vault:v%d:", &version); err != nil || scan != nil || len(key) != keySize {
		return DataKey{}, fmt.Errorf("%w: ask transit: it made no data key of 256 bits", retinue.ErrUnavailable)
	}
	return DataKey{ID: t.id(version), Wrapped: []byte(out.Data.Ciphertext), Key: key}, nil
}

func (t transit) decrypt(ctx context.Context, wrapped []byte) ([]byte, error) {
	var out struct {
		Data struct {
			Plaintext string `json:"plaintext"`
		} `json:"data"`
	}
	if err := t.call(ctx, http.MethodPost, "decrypt/"+url.PathEscape(t.Key), map[string]string{"ciphertext": string(wrapped)}, &out); err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(out.Data.Plaintext)
	if err != nil {
		return nil, fmt.Errorf("%w: ask transit: the answer is not what is documented", retinue.ErrUnavailable)
	}
	return key, nil
}
