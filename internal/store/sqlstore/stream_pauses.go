package sqlstore

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// PauseStream has no server read a stream of events until ResumeStream. Who
// paused it first is named.
func (tx *Tx) PauseStream(name string, by retinue.Actor) error {
	who, err := actorText(by)
	if err != nil {
		return err
	}
	return tx.exec("INSERT INTO stream_pauses (name, paused_by, paused_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING", name, who, tx.at.UnixMicro())
}

// ResumeStream has servers read a stream again.
func (tx *Tx) ResumeStream(name string) error {
	return tx.exec("DELETE FROM stream_pauses WHERE name = $1", name)
}

// StreamPauses lists the streams that are not read for now, by name.
func (tx *Tx) StreamPauses() ([]store.StreamPause, error) {
	var out []store.StreamPause
	err := tx.query(func(rows *sql.Rows) error {
		var p store.StreamPause
		var by string
		var at int64
		if err := rows.Scan(&p.Name, &by, &at); err != nil {
			return err
		}
		p.At = observed(at)
		out = append(out, p)
		return json.Unmarshal([]byte(by), &out[len(out)-1].By)
	}, "SELECT name, paused_by, paused_at FROM stream_pauses ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("list paused streams: %w", err)
	}
	return out, nil
}
