package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/retinue-id/retinue"
)

// Device is a program that waits for a person's approval (RFC 8628).
type Device struct {
	// DeviceCode is the program's secret; UserCode is what the person compares.
	DeviceCode      string `json:"deviceCode"`
	UserCode        string `json:"userCode"`
	VerificationURI string `json:"verificationUri"`
	// ExpiresIn and Interval, the pause between questions, are in seconds.
	ExpiresIn int `json:"expiresIn"`
	Interval  int `json:"interval"`
}

// StartDevice asks for a token for this program; name is what the person sees.
func (c *Client) StartDevice(ctx context.Context, name string) (d Device, err error) {
	_, err = c.Do(ctx, Request{Method: http.MethodPost, Path: "/auth/device", Body: map[string]string{"client": name}}, &d)
	return d, err
}

// Approved is the token that a person gave to a program. ID revokes it.
type Approved struct {
	Token     retinue.Secret
	ID        string
	ExpiresAt time.Time
}

// AwaitDevice waits until the person has approved, and returns the token.
// ErrDenied says that they refused, or that the time ran out.
func (c *Client) AwaitDevice(ctx context.Context, d Device) (Approved, error) {
	interval := time.Duration(max(d.Interval, 1)) * time.Second
	for {
		if err := c.pause(ctx, interval); err != nil {
			return Approved{}, err
		}
		var out struct {
			Error     string    `json:"error"`
			Token     string    `json:"token"`
			ID        string    `json:"id"`
			ExpiresAt time.Time `json:"expiresAt"`
		}
		_, err := c.Do(ctx, Request{Method: http.MethodPost, Path: "/auth/device/token", Body: map[string]string{"deviceCode": d.DeviceCode}}, &out)
		switch {
		case err != nil:
			return Approved{}, err
		case out.Token != "":
			return Approved{Token: retinue.NewSecret(out.Token), ID: out.ID, ExpiresAt: out.ExpiresAt}, nil
		case out.Error == "authorization_pending":
		case out.Error == "slow_down": // RFC 8628, section 3.5: five seconds more
			interval += 5 * time.Second
		case out.Error == "expired_token":
			return Approved{}, fmt.Errorf("%w: nobody approved in time: begin again", retinue.ErrDenied)
		case out.Error == "access_denied":
			return Approved{}, fmt.Errorf("%w: it was refused in the browser", retinue.ErrDenied)
		default:
			return Approved{}, fmt.Errorf("%w: the server gave no token", retinue.ErrUnsupported)
		}
	}
}

// RevokeToken revokes a token by its id.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	_, err := c.Do(ctx, Request{Method: http.MethodDelete, Path: "/tokens/" + url.PathEscape(id)}, nil)
	return err
}
