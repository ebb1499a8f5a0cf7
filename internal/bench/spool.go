package bench

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// spool writes the log of one system. Deeds come in the order of time.
type spool interface {
	write(d *deed) error
	// endDay is called when a day is over.
	endDay(day time.Time) error
	// close writes what is left.
	close() error
}

func (e *enterprise) newSpool(s *system) spool {
	dir := filepath.Join(e.opts.Out, "logs", filepath.FromSlash(s.folder))
	l := &lineSpool{e: e, sys: s, dir: dir}
	switch s.kind {
	case kindAWS:
		return newTrailSpool(e, s, dir)
	case kindKubernetes:
		l.name, l.one, l.unordered, l.repeats = "audit-2006-01-02.log", kubernetesAudit, true, true
	case kindGitHub:
		l.name, l.one, l.repeats, l.late = "audit-2006-01-02.ndjson", githubAudit, true, true
	case kindPostgres:
		l.name, l.lines = "postgresql-2006-01-02.csv", postgresLog
	case kindHost:
		l.name, l.lines = "auth.log-20060102", sshLog
	}
	return l
}

// One record in so many is repeated, comes late or changes places with the next.
const (
	repeatOneIn   = 200
	lateOneIn     = 100
	exchangeOneIn = 20
)

// lineSpool writes a file of lines a day.
type lineSpool struct {
	e    *enterprise
	sys  *system
	dir  string
	name string // of a day's file, as a layout of time
	// one writes a deed as one record with an id, lines as several without.
	one   func(*deed) ([]byte, string, error)
	lines func(*deed) ([][]byte, string)
	// What may happen to records on their way.
	unordered, repeats, late bool

	file   *os.File
	out    *bufio.Writer
	held   []byte   // changes places with the next record
	behind [][]byte // for the next day's file
}

func (l *lineSpool) write(d *deed) error {
	if err := l.open(d.at); err != nil {
		return err
	}
	if l.lines != nil {
		lines, id := l.lines(d)
		if d.incident != nil {
			d.incident.event(id)
		}
		for _, line := range lines {
			l.sys.stats.Events++
			if err := l.put(line); err != nil {
				return err
			}
		}
		return nil
	}
	record, id, err := l.one(d)
	if err != nil {
		return fmt.Errorf("write %s: %w", l.sys.stats.Log, err)
	}
	l.sys.stats.Events++
	if d.incident != nil {
		d.incident.event(id)
	}
	return l.deliver(d, record)
}

// deliver puts a record where it arrives.
func (l *lineSpool) deliver(d *deed, record []byte) error {
	chance := d.draw(wordDelivery)
	if !l.e.opts.plants(PlantDisorder) {
		return l.put(record)
	}
	if l.repeats && chance%repeatOneIn == 0 {
		if err := l.put(record); err != nil {
			return err
		}
	}
	if l.late && chance>>16%lateOneIn == 0 && d.at.Before(l.e.to.AddDate(0, 0, -1)) {
		l.behind = append(l.behind, record)
		l.sys.stats.Late++
		return nil
	}
	if l.unordered && l.held == nil && chance>>32%exchangeOneIn == 0 {
		l.held = record
		return nil
	}
	if err := l.put(record); err != nil {
		return err
	}
	held := l.held
	l.held = nil
	return l.put(held)
}

// put writes a record; nil is none.
func (l *lineSpool) put(record []byte) error {
	if record == nil {
		return nil
	}
	l.sys.stats.Records++
	l.sys.stats.Bytes += int64(len(record)) + 1
	if _, err := l.out.Write(record); err != nil {
		return err
	}
	return l.out.WriteByte('\n')
}

func (l *lineSpool) open(day time.Time) error {
	if l.file != nil {
		return nil
	}
	f, err := createFile(filepath.Join(l.dir, day.Format(l.name)))
	if err != nil {
		return err
	}
	l.file, l.out = f, bufio.NewWriterSize(f, 64<<10)
	behind := l.behind
	l.behind = nil
	for _, record := range behind {
		if err := l.put(record); err != nil {
			return err
		}
	}
	return nil
}

func (l *lineSpool) endDay(time.Time) error {
	if l.file == nil {
		return nil
	}
	err := l.put(l.held)
	l.held = nil
	err = errors.Join(err, l.out.Flush(), l.file.Close())
	l.file = nil
	return err
}

// close writes what came late after the last file.
func (l *lineSpool) close() error {
	if len(l.behind) == 0 {
		return nil
	}
	return errors.Join(l.open(l.e.to), l.endDay(l.e.to))
}

// event keeps the id of an entry of the incident.
func (in *incident) event(id string) {
	const most = 100
	if len(in.Events) < most {
		in.Events = append(in.Events, id)
	}
}

func createFile(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640) //nolint:gosec // the folder is the caller's
}

func writeFile(path string, data []byte) error {
	f, err := createFile(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
