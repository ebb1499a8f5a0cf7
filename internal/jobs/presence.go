package jobs

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/retinue-id/retinue"
)

// presence shows other processes that a worker lives, by something that the
// system gives up when the process dies, however it dies: on PostgreSQL an
// advisory lock of a session, on a SQLite file that processes share a locked
// file beside it. On a SQLite file that is not shared there is nobody to show
// it to, and both are absent.
type presence struct {
	id   string
	pool *pgxpool.Pool
	conn *pgxpool.Conn
	base string // of the names of the workers' files
	file *os.File
}

// announce makes a worker's presence known.
func (q *Queue) announce(ctx context.Context, id string) (*presence, error) {
	p := &presence{id: id, pool: q.db.Pool}
	if p.pool == nil && q.cfg.Shared {
		var seq, name, path string
		if err := q.db.DB.QueryRowContext(ctx, "pragma database_list").Scan(&seq, &name, &path); err != nil {
			return nil, fmt.Errorf("announce worker: %w", err)
		}
		if path != "" { // a database in memory is not shared
			p.base = path + ".worker-"
		}
	}
	return p, p.renew(ctx)
}

// renew takes the lock, again where the session that held it is gone.
func (p *presence) renew(ctx context.Context) error {
	switch {
	case p.pool != nil:
		return p.renewSession(ctx)
	case p.base != "" && p.file == nil:
		f, err := holdWorkerFile(p.base + p.id)
		if err != nil {
			return fmt.Errorf("announce worker: %w", err)
		}
		p.file = f
	}
	return nil
}

func (p *presence) renewSession(ctx context.Context) error {
	if p.conn != nil {
		if err := p.conn.Ping(ctx); err == nil {
			return nil
		}
		p.drop()
	}
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("announce worker: %w", err)
	}
	p.conn = conn
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", workerKey(p.id)); err != nil {
		p.drop()
		return fmt.Errorf("announce worker: %w", err)
	}
	return nil
}

// withdraw ends the presence.
func (p *presence) withdraw() {
	if p.conn != nil {
		p.drop()
	}
	if p.file != nil {
		dropWorkerFile(p.file)
	}
}

// drop closes the session rather than hand it back to the pool: that ends the
// lock whatever state the session is in.
func (p *presence) drop() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = p.conn.Hijack().Close(ctx) // a session that cannot be closed is gone
	p.conn = nil
}

// bury reports whether another worker is dead, and if so holds its presence
// until release is called, so that of several rescuers one takes its jobs.
func (p *presence) bury(ctx context.Context, id string) (release func(), dead bool, err error) {
	switch {
	case p.pool != nil:
		if err := p.conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", workerKey(id)).Scan(&dead); err != nil {
			return nil, false, fmt.Errorf("look for worker: %w", err)
		}
		return func() {
			if dead { // a failed unlock ends with the session
				_, _ = p.conn.Exec(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", workerKey(id))
			}
		}, dead, nil
	case p.base != "":
		f, err := holdWorkerFile(p.base + id)
		if errors.Is(err, retinue.ErrConflict) {
			return func() {}, false, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("look for worker: %w", err)
		}
		return func() { dropWorkerFile(f) }, true, nil
	}
	return func() {}, true, nil
}

// workerKey is the number of a worker's advisory lock.
func workerKey(id string) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte("retinue jobs worker " + id)) // never fails, see hash.Hash
	return int64(h.Sum64())
}
