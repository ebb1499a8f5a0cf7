package jobs

import "time"

// dialect is what differs in our own statements on River's tables.
type dialect struct {
	// now gives a time in the form of River's columns.
	now func(time.Time) any
	// lastWorker is the worker that a job was last given to.
	lastWorker string
	// createSchedules makes the table of schedules. Times are microseconds
	// since 1970 in UTC, as in the store.
	createSchedules string
}

// sqliteTime is the format of River's times on SQLite, which are text and
// compare as such.
const sqliteTime = "2006-01-02 15:04:05.000"

func sqliteDialect() dialect {
	return dialect{
		now:        func(t time.Time) any { return t.UTC().Format(sqliteTime) },
		lastWorker: "json_extract(attempted_by, '$[#-1]')",
		createSchedules: `create table if not exists schedules (
	name text not null primary key,
	every_us bigint not null,
	cron text not null,
	kind text not null,
	job_key text not null,
	args text not null,
	next_run bigint not null,
	last_run bigint
)`,
	}
}

func postgresDialect() dialect {
	return dialect{
		now:        func(t time.Time) any { return t.UTC() },
		lastWorker: "attempted_by[array_upper(attempted_by, 1)]",
		createSchedules: `create table if not exists schedules (
	name text collate "C" not null primary key,
	every_us bigint not null,
	cron text collate "C" not null,
	kind text collate "C" not null,
	job_key text collate "C" not null,
	args text collate "C" not null,
	next_run bigint not null,
	last_run bigint
)`,
	}
}
