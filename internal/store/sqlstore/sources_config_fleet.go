package sqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// CreateCollector writes a collector. ErrConflict says that the name is taken.
func (tx *Tx) CreateCollector(c store.Collector) (store.Collector, error) {
	if _, err := tx.oneCollector("WHERE name = $1", c.Name); err == nil {
		return c, fmt.Errorf("%w: collector %s: the name is taken", retinue.ErrConflict, c.Name)
	} else if !errors.Is(err, retinue.ErrNotFound) {
		return c, err
	}
	var err error
	if c.Key, err = tx.db.d.block(tx.ctx, tx.tx, "collectors", 1); err != nil {
		return c, err
	}
	if c.ID == "" {
		c.ID = store.CollectorID(retinue.NewID("col_", tx.at))
	}
	c.CreatedAt, c.Version = tx.at, 1
	realms, err := json.Marshal(c.Realms)
	if err != nil {
		return c, err
	}
	by, err := json.Marshal(c.CreatedBy)
	if err != nil {
		return c, err
	}
	return c, tx.exec(`INSERT INTO collectors (id, public_id, name, token, realms, enrolment, recipient, key_id, created_at, created_by, program_version, host, version)
		VALUES ($1, $2, $3, $4, $5, $6, '', '', $7, $8, '', '', 1)`, c.Key, string(c.ID), c.Name, string(c.Token), string(realms), string(c.Enrolment),
		tx.at.UnixMicro(), string(by))
}

// SaveCollector writes what may change of a collector, and raises its version.
func (tx *Tx) SaveCollector(c store.Collector) (store.Collector, error) {
	realms, err := json.Marshal(c.Realms)
	if err != nil {
		return c, err
	}
	c.Version++
	return c, tx.exec(`UPDATE collectors SET token = $1, realms = $2, enrolment = $3, recipient = $4, key_id = $5, enrolled_at = $6, revoked_at = $7, version = $8
		WHERE id = $9`, string(c.Token), string(realms), string(c.Enrolment), c.Recipient, c.KeyID, micros(c.EnrolledAt), micros(c.RevokedAt), c.Version, c.Key)
}

// NotePush keeps what a collector said of itself at a push.
func (tx *Tx) NotePush(key int64, version, host string) error {
	return tx.exec("UPDATE collectors SET last_push = $1, program_version = $2, host = $3 WHERE id = $4", tx.at.UnixMicro(), version, host, key)
}

const selectCollector = `SELECT id, public_id, name, token, realms, enrolment, recipient, key_id, enrolled_at, created_at, created_by,
	last_push, program_version, host, revoked_at, version FROM collectors `

func scanCollector(rows *sql.Rows) (store.Collector, error) {
	var c store.Collector
	var id, token, realms, enrolment, by string
	var created int64
	var enrolled, push, revoked sql.NullInt64
	if err := rows.Scan(&c.Key, &id, &c.Name, &token, &realms, &enrolment, &c.Recipient, &c.KeyID, &enrolled, &created, &by,
		&push, &c.ProgramVersion, &c.Host, &revoked, &c.Version); err != nil {
		return c, err
	}
	c.ID, c.Token, c.Enrolment = store.CollectorID(id), store.TokenID(token), store.Enrolment(enrolment)
	c.EnrolledAt, c.CreatedAt, c.LastPush, c.RevokedAt = fromMicros(enrolled), observed(created), fromMicros(push), fromMicros(revoked)
	return c, errors.Join(json.Unmarshal([]byte(realms), &c.Realms), json.Unmarshal([]byte(by), &c.CreatedBy))
}

func (tx *Tx) collectors(where string, args ...any) ([]store.Collector, error) {
	var out []store.Collector
	err := tx.query(func(rows *sql.Rows) error {
		c, err := scanCollector(rows)
		out = append(out, c)
		return err
	}, selectCollector+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list collectors: %w", err)
	}
	return out, nil
}

func (tx *Tx) oneCollector(where string, args ...any) (store.Collector, error) {
	list, err := tx.collectors(where, args...)
	if err == nil && len(list) == 0 {
		return store.Collector{}, fmt.Errorf("%w: collector", retinue.ErrNotFound)
	}
	if err != nil {
		return store.Collector{}, err
	}
	return list[0], nil
}

// Collectors lists the collectors by name. A scope narrower than everything
// sees none: a collector is of the installation.
func (tx *Tx) Collectors() ([]store.Collector, error) {
	if !tx.scope.All {
		return nil, nil
	}
	return tx.collectors("ORDER BY name")
}

// Collector returns a collector by id.
func (tx *Tx) Collector(id store.CollectorID) (store.Collector, error) {
	if !tx.scope.All {
		return store.Collector{}, fmt.Errorf("%w: collector", retinue.ErrNotFound)
	}
	return tx.oneCollector("WHERE public_id = $1", string(id))
}

// CollectorOfToken returns the collector whose token it is.
func (tx *Tx) CollectorOfToken(token store.TokenID) (store.Collector, error) {
	if token == "" {
		return store.Collector{}, fmt.Errorf("%w: collector", retinue.ErrNotFound)
	}
	return tx.oneCollector("WHERE token = $1", string(token))
}

func (tx *Tx) collectorKey(id store.CollectorID) (int64, error) {
	c, err := tx.oneCollector("WHERE public_id = $1", string(id))
	return c.Key, err
}

// CreateUpload writes a hand-in that begins.
func (tx *Tx) CreateUpload(collector int64, u store.Upload) (store.Upload, error) {
	var err error
	if u.Key, err = tx.db.d.block(tx.ctx, tx.tx, "uploads", 1); err != nil {
		return u, err
	}
	u.ID, u.State, u.CreatedAt = store.UploadID(retinue.NewID("upl_", tx.at)), store.UploadOpen, tx.at
	return u, tx.exec(`INSERT INTO uploads (id, public_id, collector_id, digest, size, chunk_size, state, created_at, expires_at, taken, runs, refused, error)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, '[]', 0, '')`, u.Key, string(u.ID), collector, u.Digest, u.Size, u.ChunkSize, string(u.State),
		tx.at.UnixMicro(), u.ExpiresAt.UnixMicro())
}

const selectUpload = `SELECT u.id, u.public_id, c.public_id, u.digest, u.size, u.chunk_size, u.state, u.created_at, u.expires_at, u.ended_at,
	u.taken, u.runs, u.refused, u.error FROM uploads u JOIN collectors c ON c.id = u.collector_id `

func scanUpload(rows *sql.Rows) (store.Upload, error) {
	var u store.Upload
	var id, collector, state, runs string
	var created, expires int64
	var ended sql.NullInt64
	if err := rows.Scan(&u.Key, &id, &collector, &u.Digest, &u.Size, &u.ChunkSize, &state, &created, &expires, &ended, &u.Taken, &runs, &u.Refused, &u.Error); err != nil {
		return u, err
	}
	u.ID, u.Collector, u.State = store.UploadID(id), store.CollectorID(collector), store.UploadState(state)
	u.CreatedAt, u.ExpiresAt, u.EndedAt = observed(created), observed(expires), fromMicros(ended)
	return u, json.Unmarshal([]byte(runs), &u.Runs)
}

func (tx *Tx) uploads(where string, args ...any) ([]store.Upload, error) {
	var out []store.Upload
	err := tx.query(func(rows *sql.Rows) error {
		u, err := scanUpload(rows)
		out = append(out, u)
		return err
	}, selectUpload+where, args...)
	if err != nil {
		return nil, fmt.Errorf("list hand-ins: %w", err)
	}
	for i := range out {
		if out[i].Have, err = tx.chunksOf(out[i].Key); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (tx *Tx) chunksOf(upload int64) ([]int64, error) {
	have := []int64{}
	err := tx.query(func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		have = append(have, n)
		return err
	}, "SELECT number FROM upload_chunks WHERE upload_id = $1 ORDER BY number", upload)
	return have, err
}

// Upload returns a hand-in.
func (tx *Tx) Upload(id store.UploadID) (store.Upload, error) {
	return oneUpload(tx.uploads("WHERE u.public_id = $1", string(id)))
}

// SameUpload returns a collector's hand-in of the same content that is on its
// way.
func (tx *Tx) SameUpload(collector int64, digest string) (store.Upload, error) {
	return oneUpload(tx.uploads("WHERE u.collector_id = $1 AND u.digest = $2 AND u.state IN ('open', 'waiting')", collector, digest))
}

// OpenUploads lists the hand-ins of a collector that are on their way.
func (tx *Tx) OpenUploads(collector int64) ([]store.Upload, error) {
	return tx.uploads("WHERE u.collector_id = $1 AND u.state IN ('open', 'waiting') ORDER BY u.id", collector)
}

// WaitingUploads lists the hand-ins that are whole and wait to be taken in.
func (tx *Tx) WaitingUploads() ([]store.Upload, error) {
	return tx.uploads("WHERE u.state = 'waiting' ORDER BY u.id")
}

func oneUpload(list []store.Upload, err error) (store.Upload, error) {
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%w: hand-in", retinue.ErrNotFound)
	}
	if err != nil {
		return store.Upload{}, err
	}
	return list[0], nil
}

// PutChunk keeps a chunk of a hand-in. The same chunk may come again.
func (tx *Tx) PutChunk(upload, number int64, data []byte) error {
	return tx.exec("INSERT INTO upload_chunks (upload_id, number, data) VALUES ($1, $2, $3) ON CONFLICT (upload_id, number) DO UPDATE SET data = excluded.data",
		upload, number, data)
}

// Chunk returns a chunk of a hand-in.
func (tx *Tx) Chunk(upload, number int64) ([]byte, error) {
	var data []byte
	err := tx.queryRow("SELECT data FROM upload_chunks WHERE upload_id = $1 AND number = $2", upload, number).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: chunk %d", retinue.ErrNotFound, number)
	}
	return data, err
}

// ProlongUpload moves the time at which a hand-in expires.
func (tx *Tx) ProlongUpload(upload int64, until time.Time) error {
	return tx.exec("UPDATE uploads SET expires_at = $1 WHERE id = $2", until.UnixMicro(), upload)
}

// SaveUpload writes how far a hand-in is. The chunks of one that has ended go.
func (tx *Tx) SaveUpload(u store.Upload) error {
	runs, err := json.Marshal(u.Runs)
	if err != nil {
		return err
	}
	if err := tx.exec("UPDATE uploads SET state = $1, ended_at = $2, taken = $3, runs = $4, refused = $5, error = $6 WHERE id = $7",
		string(u.State), micros(u.EndedAt), u.Taken, string(runs), u.Refused, u.Error, u.Key); err != nil {
		return err
	}
	if slices.Contains([]store.UploadState{store.UploadOpen, store.UploadWaiting}, u.State) {
		return nil
	}
	return tx.exec("DELETE FROM upload_chunks WHERE upload_id = $1", u.Key)
}

// ExpireUploads ends the hand-ins whose time is over and that never became
// whole, and forgets those that ended before a time.
func (tx *Tx) ExpireUploads(forget time.Time) error {
	over, err := tx.uploads("WHERE u.state = 'open' AND u.expires_at < $1", tx.at.UnixMicro())
	if err != nil {
		return err
	}
	for _, u := range over {
		u.State, u.EndedAt, u.Error = store.UploadExpired, tx.at, "it did not become whole in time"
		if err := tx.SaveUpload(u); err != nil {
			return err
		}
	}
	return tx.exec("DELETE FROM uploads WHERE state IN ('done', 'failed', 'expired') AND ended_at < $1", forget.UnixMicro())
}
