package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
)

type person struct {
	name, email string
	ref         retinue.Ref
	team        int
	left        time.Time // zero: still there
}

type team struct {
	id, name string
	ref      retinue.Ref
	members  []int
}

// app is a business application: what names, teams and environments follow
// from.
type app struct {
	id, name    string
	team        int
	criticality retinue.Criticality
	ref         retinue.Ref
}

func teamNames() []string {
	return []string{"Platform Engineering", "Payments", "Booking", "Tracking", "Pricing", "Data Platform", "Customer Portal",
		"Mobile", "Finance Systems", "Security", "Corporate IT", "Partner Integrations"}
}

// applications are the company's applications, each with its team and
// criticality.
func applications() []struct {
	id, name string
	team     int
	crit     retinue.Criticality
} {
	const (
		critical = retinue.CriticalityCritical
		high     = retinue.CriticalityHigh
		medium   = retinue.CriticalityMedium
		low      = retinue.CriticalityLow
	)
	return []struct {
		id, name string
		team     int
		crit     retinue.Criticality
	}{
		{"payments-api", "Payments API", 1, critical}, {"settlement", "Settlement", 1, critical}, {"invoicing", "Invoicing", 8, high},
		{"booking", "Booking", 2, critical}, {"booking-search", "Booking search", 2, high}, {"quotes", "Quotes", 4, high},
		{"tariffs", "Tariffs", 4, medium}, {"tracking", "Container tracking", 3, critical}, {"ais-feed", "Ship position feed", 3, medium},
		{"eta", "Arrival forecast", 3, medium}, {"portal", "Customer portal", 6, high}, {"notifications", "Notifications", 6, medium},
		{"mobile-gateway", "Mobile gateway", 7, high}, {"push", "Push messages", 7, low}, {"warehouse-etl", "Warehouse loading", 5, high},
		{"lake", "Data lake", 5, high}, {"reports", "Management reports", 5, medium}, {"feature-store", "Feature store", 5, low},
		{"ledger", "General ledger", 8, critical}, {"payroll-sync", "Payroll sync", 8, high}, {"customs", "Customs declarations", 11, critical},
		{"edi", "EDI exchange", 11, high}, {"carrier-api", "Carrier API", 11, high}, {"identity-sync", "Directory sync", 10, high},
		{"ci", "Build and release", 0, critical}, {"observability", "Monitoring", 0, high}, {"ingress", "Ingress", 0, critical},
		{"backup", "Backup", 0, critical}, {"secrets", "Secret store", 9, critical}, {"siem", "Security events", 9, high},
		{"intranet", "Intranet", 10, low}, {"fleet-sim", "Fleet simulation", 4, low},
	}
}

// staff makes persons, teams and applications, and the directory that lists
// them.
func (c *Company) staff() {
	e := c.estate("people", "directory", "staff.csv", retinue.NewRealm("people", "tidewater"), "Staff directory")
	for i, n := range teamNames() {
		id := strings.ToLower(strings.ReplaceAll(n, " ", "-"))
		c.teams = append(c.teams, team{id: id, name: n, ref: e.ref("team", id)})
		_ = i
	}
	first := []string{"Ada", "Amir", "Anna", "Bao", "Carla", "Chidi", "Dana", "Diego", "Elif", "Emil", "Farah", "Freya", "Gita", "Hana",
		"Hugo", "Ines", "Ivan", "Jonas", "Jun", "Kaya", "Kofi", "Lena", "Leo", "Lucia", "Mara", "Mateo", "Mei", "Milan", "Nadia", "Noor",
		"Olga", "Omar", "Petra", "Priya", "Rafael", "Rosa", "Sami", "Sofia", "Tariq", "Tomas", "Uma", "Vera", "Wei", "Yara", "Zoe"}
	last := []string{"Achterberg", "Okonkwo", "Lindqvist", "Ferreira", "Nakamura", "Haddad", "Kowalska", "Moreau", "Petrov", "Sandoval",
		"Ibrahim", "Vasquez", "Larsen", "Banerjee", "Costa", "Duarte", "Eriksen", "Fontaine", "Greco", "Halloran", "Ivanova", "Jansen",
		"Kimura", "Laurent", "Mbeki", "Novak", "Oyelaran", "Park", "Quintero", "Rossi", "Schuster", "Tanaka", "Ueda", "Weber", "Yilmaz"}
	seen := map[string]bool{}
	for len(c.people) < 132 {
		f, l := first[c.rng.IntN(len(first))], last[c.rng.IntN(len(last))]
		email := strings.ToLower(f + "." + l + "@" + Domain)
		if seen[email] {
			continue
		}
		seen[email] = true
		p := person{name: f + " " + l, email: email, team: len(c.people) % len(c.teams), ref: e.ref("person", email)}
		c.people = append(c.people, p)
		c.teams[p.team].members = append(c.teams[p.team].members, len(c.people)-1)
	}
	c.leavers()
	for i := range c.people {
		c.statePerson(e, i)
	}
	for _, t := range c.teams {
		f := retinue.Team{Ref: t.ref, Name: t.name, Email: t.id + "@" + Domain}
		for _, m := range t.members {
			f.Members = append(f.Members, c.people[m].ref)
		}
		e.always("people", f)
	}
	for _, a := range applications() {
		x := app{id: a.id, name: a.name, team: a.team, criticality: a.crit, ref: e.ref("application", a.id)}
		c.apps = append(c.apps, x)
		e.always("people", retinue.Application{Ref: x.ref, Name: x.name, Team: c.teams[x.team].ref, Criticality: x.criticality})
	}
}

// leavers chooses who left within the history: some are disabled in the
// directory, some are no longer in it.
func (c *Company) leavers() {
	for i, days := range []int{96, 71, 64, 40, 33, 19, 12, 4} {
		c.people[12+i*13].left = c.ago(days)
	}
}

func (c *Company) statePerson(e *estate, i int) {
	p := c.people[i]
	f := retinue.Person{Ref: p.ref, Name: p.name, Email: p.email, State: retinue.StateActive, Teams: []retinue.Ref{c.teams[p.team].ref}}
	if boss := c.teams[p.team].members[0]; boss != i {
		f.Attrs = retinue.Attrs{"manager": c.people[boss].email}
	}
	e.during("people", time.Time{}, p.left, f)
	if !p.left.IsZero() && i%2 == 0 {
		f.State = retinue.StateDisabled
		e.during("people", p.left, time.Time{}, f)
	}
}

// member draws a person of a team. With left set it may be one who left.
func (c *Company) member(team int, left bool) person {
	ids := slices.Clone(c.teams[team].members)
	if !left {
		ids = slices.DeleteFunc(ids, func(i int) bool { return !c.people[i].left.IsZero() })
	}
	return c.people[ids[c.rng.IntN(len(ids))]]
}

// leaver is a person who left, drawn among all.
func (c *Company) leaver() person {
	var out []person
	for _, p := range c.people {
		if !p.left.IsZero() {
			out = append(out, p)
		}
	}
	return out[c.rng.IntN(len(out))]
}

// chance is true in so many of a hundred cases.
func (c *Company) chance(percent int) bool { return c.rng.IntN(100) < percent }

// born draws a time of creation: mostly long ago, more often than before within
// the last months.
func (c *Company) born() time.Time {
	d := 130 + c.rng.IntN(1500)
	if c.chance(22) {
		d = 2 + c.rng.IntN(lately-4)
	}
	return c.ago(d).Add(-time.Duration(c.rng.IntN(600)) * time.Minute)
}

// life is the span in which a source lists something that was made at born:
// a few things end within the last months.
func (c *Company) life(born time.Time) span {
	s := span{from: born}
	if c.chance(5) && born.Before(c.ago(lately)) {
		s.to = c.ago(3 + c.rng.IntN(lately-20))
	}
	return s
}

// owned states by what an owner can be found, for most things: a tag, label or
// creator, and sometimes nothing or somebody who left.
func (c *Company) owned(e *estate, path string, life span, subject retinue.Ref, a app, how string) {
	switch n := c.rng.IntN(100); {
	case n < 40:
		t := c.teams[a.team]
		e.during(path, life.from, life.to, retinue.OwnerSignal{Subject: subject, Candidate: t.id, Signal: how, Quote: "team=" + t.id})
	case n < 55:
		p := c.member(a.team, false)
		e.during(path, life.from, life.to, retinue.OwnerSignal{Subject: subject, Candidate: p.email, Signal: how, Quote: "owner=" + p.email})
	case n < 62:
		p := c.leaver()
		e.during(path, life.from, life.to, retinue.OwnerSignal{Subject: subject, Candidate: p.email, Signal: how, Quote: "owner=" + p.email})
	case n < 75:
		p := c.member(a.team, true)
		e.during(path, life.from, life.to, retinue.OwnerSignal{Subject: subject, Candidate: p.email, Signal: "creator",
			Quote: "created by " + p.email, At: life.from})
	}
}

func pick[T any](c *Company, from []T) T { return from[c.rng.IntN(len(from))] }

func itoa(n int) string { return fmt.Sprintf("%d", n) }

// Emails lists the addresses of those who are still there, or of those who
// left.
func (c *Company) Emails(left bool) []string {
	var out []string
	for _, p := range c.people {
		if p.left.IsZero() != left {
			out = append(out, p.email)
		}
	}
	return out
}
