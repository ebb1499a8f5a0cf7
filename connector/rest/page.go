package rest

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"strings"

	"github.com/retinue-id/retinue"
)

// maxPages bounds a listing.
const maxPages = 100_000

// Pages reads a listing page by page, from the one at first. After each page
// next returns the reference of the following one, or "" at the end; NextLink
// serves APIs that say it in the Link header. The sequence ends after the first
// error. A page that was read before, another host and more than 100,000 pages
// are errors.
func Pages[T any](ctx context.Context, c *Client, first string, next func(page *T, h http.Header) (string, error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		seen := map[string]bool{}
		for ref := first; ; {
			u, err := c.Resolve(ref)
			if err != nil {
				yield(nil, err)
				return
			}
			if seen[u.String()] || len(seen) >= maxPages {
				yield(nil, fmt.Errorf("%s: %w: page %d of the listing was read before, or is one too many",
					describe(http.MethodGet, u), retinue.ErrUnavailable, len(seen)+1))
				return
			}
			seen[u.String()] = true
			page := new(T)
			h, err := c.Get(ctx, u.String(), page)
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(page, nil) {
				return
			}
			if ref, err = next(page, h); err != nil {
				yield(nil, err)
				return
			}
			if ref == "" {
				return
			}
		}
	}
}

// NextLink returns the target of the Link header's relation "next" (RFC 8288),
// or "".
func NextLink(h http.Header) string {
	for _, line := range h.Values("Link") {
		for line != "" {
			_, rest, ok := strings.Cut(line, "<")
			if !ok {
				break
			}
			target, params, ok := strings.Cut(rest, ">")
			if !ok {
				break
			}
			end := len(params)
			if i := strings.IndexByte(params, '<'); i >= 0 { // the next link
				end = i
			}
			for p := range strings.SplitSeq(params[:end], ";") {
				k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
				if strings.EqualFold(k, "rel") && hasWord(strings.Trim(v, `", `), "next") {
					return target
				}
			}
			line = params[end:]
		}
	}
	return ""
}

func hasWord(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if strings.EqualFold(w, word) {
			return true
		}
	}
	return false
}
