package client

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
)

// ImportActivity hands in a part of what was read of logs of a kind of source: a
// JSON object a line, compressed with gzip (import-activity in the document of the
// interface). It is tried again while the server is busy or cannot be reached:
// what was counted counts once.
func (c *Client) ImportActivity(ctx context.Context, kind, source string, part []byte, out any) error {
	return c.persist(ctx, func() error {
		_, err := c.Do(ctx, Request{Method: http.MethodPost, Path: "/activity/imports", Query: url.Values{"kind": {kind}, "source": {source}},
			Body: io.Reader(bytes.NewReader(part)), ContentType: "application/x-ndjson", Header: http.Header{"Content-Encoding": {"gzip"}}}, out)
		return err
	})
}
