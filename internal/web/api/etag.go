package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/retinue-id/retinue"
)

// single is the output of a read or write of one resource.
type single[T any] struct {
	ETag         string `header:"ETag"`
	CacheControl string `header:"Cache-Control"`
	Body         T
}

// one is the answer with one resource.
func one[T any](v T, err error) (*single[T], error) {
	if err != nil {
		return nil, err
	}
	tag, err := Tag(v)
	if err != nil {
		return nil, err
	}
	return &single[T]{ETag: tag, CacheControl: "private, no-cache", Body: v}, nil
}

// none is the answer without a body.
func none(err error) (*struct{}, error) {
	if err != nil {
		return nil, err
	}
	return &struct{}{}, nil
}

// versioned is a resource whose entity tag is of its configuration alone, since
// the rest of it moves by itself. Changed says what is no longer as in a tag.
type versioned interface {
	entityTag() string
	changedSince(tag string) error
}

// Tag returns the entity tag of a resource: that of its configuration where it
// has one, else a digest of its JSON.
func Tag(v any) (string, error) {
	if r, ok := v.(versioned); ok {
		return r.entityTag(), nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("tag resource: %w", err)
	}
	return etagOf(b), nil
}

func etagOf(b []byte) string {
	sum := sha256.Sum256(b)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

func digest(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return strings.Trim(etagOf(b), `"`)
}

// IfMatch is embedded in the input of writes to one resource.
type IfMatch struct {
	IfMatch string `header:"If-Match" maxLength:"256" doc:"The ETag of the resource as it was read: the write is refused when it changed meanwhile"`
}

// check refuses the write when the resource is no longer what the caller read.
// A request without the header is let through.
func (in IfMatch) check(current any) error {
	if in.IfMatch == "" || in.IfMatch == "*" {
		return nil
	}
	tag, err := Tag(current)
	if err != nil {
		return err
	}
	for t := range strings.SplitSeq(in.IfMatch, ",") {
		// The tag of a packed answer is marked as weak. It is the same digest.
		if strings.TrimPrefix(strings.TrimSpace(t), "W/") == tag {
			return nil
		}
	}
	if r, ok := current.(versioned); ok {
		return r.changedSince(in.IfMatch)
	}
	return ErrChanged
}

// notModified answers 304 when the caller has what there is.
func notModified(w http.ResponseWriter, r *http.Request, tag string) bool {
	w.Header().Set("ETag", tag)
	for t := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if t = strings.TrimPrefix(strings.TrimSpace(t), "W/"); t == tag || t == "*" {
			w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

func wrapInvalid(text string) error { return fmt.Errorf("%w: %s", retinue.ErrInvalid, text) }
