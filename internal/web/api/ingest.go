package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// HandIns are scans on their way from collectors.
type HandIns interface {
	BeginHandIn(ctx context.Context, c auth.Caller, in HandInInput) (HandIn, error)
	HandIn(ctx context.Context, c auth.Caller, id store.UploadID) (HandIn, error)
	PutChunk(ctx context.Context, c auth.Caller, id store.UploadID, number int64, digest string, data []byte) (HandIn, error)
	CompleteHandIn(ctx context.Context, c auth.Caller, id store.UploadID) (HandIn, error)
}

// HandIn is a scan that a collector hands in, in numbered chunks.
type HandIn struct {
	ID        store.UploadID    `json:"id"`
	State     store.UploadState `json:"state" enum:"open,waiting,done,failed,expired"`
	Digest    string            `json:"digest"`
	Size      int64             `json:"size"`
	ChunkSize int64             `json:"chunkSize" doc:"Length of every chunk but the last, in bytes"`
	Chunks    int64             `json:"chunks" doc:"How many there are"`
	Have      []int64           `json:"have" doc:"Those that have come, from 0"`
	ExpiresAt time.Time         `json:"expiresAt" doc:"Until when it must be whole"`
	EndedAt   time.Time         `json:"endedAt,omitzero"`
	Runs      []store.HandedRun `json:"runs" doc:"How each source inside went"`
	Refused   int64             `json:"refused" doc:"Statements about realms that the collector is not bound to"`
	Error     string            `json:"error,omitempty"`
}

// HandInInput announces a hand-in: what "retinue scan --out" writes, compressed
// with gzip.
type HandInInput struct {
	Digest  string `json:"digest" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of the whole, hexadecimal"`
	Size    int64  `json:"size" minimum:"1" maximum:"536870912" doc:"In bytes"`
	Program string `json:"program,omitempty" maxLength:"100" doc:"Version of the program"`
	Host    string `json:"host,omitempty" maxLength:"253"`
}

// ChunkSize is the length of a chunk, in bytes.
const ChunkSize = 1 << 20

type beginHandInInput struct{ Body HandInInput }

// HandInPath names a hand-in.
type HandInPath struct {
	ID store.UploadID `path:"id" maxLength:"40"`
}

type putChunkInput struct {
	HandInPath
	Number  int64  `path:"number" minimum:"0" maximum:"1048576"`
	Digest  string `header:"Content-Digest" required:"true" maxLength:"200" doc:"sha-256=:BASE64: (RFC 9530)"`
	RawBody []byte
}

func (a *API) handIns() {
	s := a.services.HandIns
	if s == nil {
		return
	}
	tags := []string{"Collectors"}
	add(a, huma.Operation{OperationID: "begin-hand-in", Method: http.MethodPost, Path: "/ingest", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Begin to hand in a scan", Description: "The same content begun before is gone on with: the answer says which chunks have come."},
		func(ctx context.Context, in *beginHandInInput) (*queued[HandIn], error) {
			v, err := s.BeginHandIn(ctx, caller(ctx), in.Body)
			return queuedHandIn(v, err)
		})
	add(a, huma.Operation{OperationID: "get-hand-in", Method: http.MethodGet, Path: "/ingest/{id}", Tags: tags, Summary: "How far a hand-in is"},
		func(ctx context.Context, in *HandInPath) (*single[HandIn], error) {
			return one(s.HandIn(ctx, caller(ctx), in.ID))
		})
	add(a, huma.Operation{OperationID: "put-chunk", Method: http.MethodPut, Path: "/ingest/{id}/chunks/{number}", Tags: tags, MaxBodyBytes: ChunkSize + 1, BodyReadTimeout: 2 * time.Minute,
		Summary: "Send a chunk of a hand-in; sending it again does no harm"},
		func(ctx context.Context, in *putChunkInput) (*single[HandIn], error) {
			return one(s.PutChunk(ctx, caller(ctx), in.ID, in.Number, in.Digest, in.RawBody))
		})
	add(a, huma.Operation{OperationID: "complete-hand-in", Method: http.MethodPost, Path: "/ingest/{id}/complete", Tags: tags, DefaultStatus: http.StatusAccepted,
		Summary: "Say that every chunk was sent: the scan is then taken in"},
		func(ctx context.Context, in *HandInPath) (*queued[HandIn], error) {
			v, err := s.CompleteHandIn(ctx, caller(ctx), in.ID)
			return queuedHandIn(v, err)
		})
}

func queuedHandIn(v HandIn, err error) (*queued[HandIn], error) {
	if err != nil {
		return nil, err
	}
	return &queued[HandIn]{Location: Base + "/ingest/" + string(v.ID), Body: v}, nil
}
