package client

import (
	"context"
	"iter"
	"maps"
	"net/url"
	"strconv"
	"time"
)

// ListOptions select rows of a list. Filter holds the list's query parameters.
type ListOptions struct {
	Filter url.Values
	// Sort is a column; with a leading minus, downwards.
	Sort string
	// Limit is how many rows are read in all; 0: every one.
	Limit int
	// AsOf asks for the list as of a time, KnownAt by what was known then.
	AsOf, KnownAt time.Time
}

// largestPage is what servers give at once.
const largestPage = 500

// Query returns the options as query parameters.
func (o ListOptions) Query() url.Values {
	q := url.Values{}
	maps.Copy(q, o.Filter)
	if o.Sort != "" {
		q.Set("sort", o.Sort)
	}
	for name, t := range map[string]time.Time{"as_of": o.AsOf, "known_at": o.KnownAt} {
		if !t.IsZero() {
			q.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	return q
}

// Page is a page of a list as the server answers it.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
	// Total is how many rows match; with TotalIsMore there are more.
	Total       int64 `json:"total"`
	TotalIsMore bool  `json:"totalIsMore"`
}

// List yields the rows of a list, reading page after page. An error ends it.
func List[T any](ctx context.Context, c *Client, path string, o ListOptions) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		q := o.Query()
		for read := 0; ; {
			size := largestPage
			if o.Limit > 0 {
				size = min(size, o.Limit-read)
			}
			q.Set("limit", strconv.Itoa(size))
			var p Page[T]
			if _, err := c.Do(ctx, Request{Path: path, Query: q}, &p); err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, it := range p.Items {
				if !yield(it, nil) {
					return
				}
			}
			read += len(p.Items)
			if p.Next == "" || o.Limit > 0 && read >= o.Limit || len(p.Items) == 0 {
				return
			}
			q.Set("cursor", p.Next)
		}
	}
}
