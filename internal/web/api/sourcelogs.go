package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/retinue-id/retinue/internal/auth"
	"github.com/retinue-id/retinue/internal/store"
)

// SourceLogReader reads the logs of sources by itself, and is asked to.
type SourceLogReader interface {
	// ReadSourceLogs has them read now. ErrConflict says that they are paused.
	ReadSourceLogs(ctx context.Context, c auth.Caller, name string) (Source, error)
	// PauseSourceLogs has them not read until ResumeSourceLogs.
	PauseSourceLogs(ctx context.Context, c auth.Caller, name string) (Source, error)
	ResumeSourceLogs(ctx context.Context, c auth.Caller, name string) (Source, error)
}

// SourceLogs are the logs of a source that the server reads by itself, and how
// that stands.
type SourceLogs struct {
	Target   string    `json:"target" doc:"What is read, without secrets"`
	Interval string    `json:"interval" doc:"Time between two reads where nothing tells of a change, such as 5m0s"`
	State    string    `json:"state" enum:"waiting,reading,failing,paused" doc:"failing: the last read failed, and it is tried again at next"`
	PausedAt time.Time `json:"pausedAt,omitzero"`
	PausedBy string    `json:"pausedBy,omitempty"`
	Next     time.Time `json:"next,omitzero" doc:"When they are read next, if nothing tells of a change before"`
	LastRead time.Time `json:"lastRead,omitzero" doc:"When a read last went well"`
	Tried    time.Time `json:"tried,omitzero" doc:"When a read last ended, well or not"`
	LastNew  time.Time `json:"lastNew,omitzero" doc:"When something new was last counted"`
	Failures int64     `json:"failures,omitempty" doc:"How many reads failed since the last that went well"`
	Error    string    `json:"error,omitempty" doc:"Why the last read failed"`
	Logs     []string  `json:"logs" doc:"The logs that were read"`
	// Total is of all reads, Last of the last one.
	Total   store.LogsCount    `json:"total"`
	Last    store.LogsCount    `json:"last"`
	Covered []store.LogCovered `json:"covered" doc:"Up to when each log of a realm was read without a gap"`
}

// SourceLogsInput says which logs of a source are read by themselves.
type SourceLogsInput struct {
	Target   string `json:"target,omitempty" maxLength:"2000" doc:"As activity import has it behind KIND=; empty: none. Files of the server are refused: they are named in retinue.yaml"`
	Interval string `json:"interval,omitempty" maxLength:"20" doc:"Such as 5m, which it is without one; at least 10s"`
}

type sourceLogsInput struct {
	SourcePath
	IdempotencyKey
}

func (a *API) sourceLogs() {
	s := a.services.SourceLogReader
	if s == nil {
		return
	}
	for _, o := range []struct {
		op  huma.Operation
		act func(context.Context, auth.Caller, string) (Source, error)
	}{
		{huma.Operation{OperationID: "read-source-logs", Path: "/sources/{name}/logs/read", Summary: "Have the logs of a source read now",
			Description: "A request that waits already stands for this one too; while they are read, another read waits for its end."}, s.ReadSourceLogs},
		{huma.Operation{OperationID: "pause-source-logs", Path: "/sources/{name}/logs/pause", Summary: "Have the logs of a source not read for now",
			Description: "What is being read stops within seconds; what was read is counted."}, s.PauseSourceLogs},
		{huma.Operation{OperationID: "resume-source-logs", Path: "/sources/{name}/logs/resume", Summary: "Have the logs of a source read again"}, s.ResumeSourceLogs},
	} {
		o.op.Method, o.op.Tags, o.op.DefaultStatus = http.MethodPost, []string{"Sources"}, http.StatusAccepted
		addOnce(a, o.op, func(ctx context.Context, in *sourceLogsInput) (*queued[Source], error) {
			v, err := o.act(ctx, caller(ctx), in.Name)
			if err != nil {
				return nil, err
			}
			return &queued[Source]{Location: Base + "/sources/" + v.Name, Body: v}, nil
		})
	}
}

// stateOfLogs says how logs stand.
func stateOfLogs(l store.SourceLogs) string {
	switch {
	case l.Holder != "":
		return "reading"
	case l.Paused():
		return "paused"
	case l.Failures > 0:
		return "failing"
	}
	return "waiting"
}

// NewSourceLogs tells how logs stand.
func NewSourceLogs(l store.SourceLogs) *SourceLogs {
	v := &SourceLogs{Target: l.Target, Interval: l.Interval.String(), State: stateOfLogs(l), PausedAt: l.PausedAt, PausedBy: l.PausedBy.Name, Next: l.DueAt,
		LastRead: l.ReadAt, Tried: l.TriedAt, LastNew: l.Standing.NewAt, Failures: l.Failures, Error: l.Error, Logs: l.Standing.Logs, Total: l.Standing.Total,
		Last: l.Standing.Last, Covered: l.Standing.Covered}
	if l.Paused() {
		v.Next = time.Time{}
	}
	if v.Logs == nil {
		v.Logs = []string{}
	}
	if v.Covered == nil {
		v.Covered = []store.LogCovered{}
	}
	return v
}
