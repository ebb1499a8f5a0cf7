package bench

import (
	"fmt"
	"strings"
	"time"
)

// domain is the company's; names under .example belong to nobody (RFC 2606).
const domain = "northwind.example"

type person struct {
	name, email string
	team        int
	left        time.Time // zero: still there
}

type team struct {
	id, name string
	members  []int
}

// application is what names, teams and resources follow from.
type application struct {
	id   string
	team int
}

func teamNames() []string {
	return []string{"Platform", "Payments", "Orders", "Logistics", "Data", "Identity", "Customer Care", "Finance Systems"}
}

func applicationNames() []string {
	return []string{"payments", "settlement", "invoicing", "checkout", "catalog", "search", "orders", "returns", "shipping", "tracking",
		"warehouse", "forecast", "lake", "reports", "ledger", "payroll", "directory", "portal", "support", "mailer", "backup", "metrics",
		"deploy", "registry"}
}

// staff makes teams, people and applications: one person for eight identities,
// at least four a team.
func (e *enterprise) staff() {
	d := e.dice(wordStaff)
	for _, name := range teamNames() {
		e.teams = append(e.teams, team{id: strings.ToLower(strings.ReplaceAll(name, " ", "-")), name: name})
	}
	first := []string{"Ada", "Amir", "Bao", "Carla", "Chidi", "Dana", "Elif", "Emil", "Farah", "Gita", "Hana", "Hugo", "Ines", "Jonas",
		"Jun", "Kofi", "Lena", "Mara", "Mei", "Nadia", "Omar", "Priya", "Rosa", "Sami", "Tariq", "Uma", "Vera", "Wei", "Yara", "Zoe"}
	last := []string{"Achter", "Banerjee", "Costa", "Duarte", "Eriksen", "Ferreira", "Greco", "Haddad", "Ibrahim", "Jansen", "Kimura",
		"Larsen", "Moreau", "Novak", "Okonkwo", "Petrov", "Quintero", "Rossi", "Sandoval", "Tanaka", "Ueda", "Vasquez", "Weber", "Yilmaz"}
	for i := range max(4*len(e.teams), e.opts.Identities/8) {
		f, l := pick(d, first), pick(d, last)
		p := person{name: f + " " + l, team: i % len(e.teams),
			email: fmt.Sprintf("%s.%s%d@%s", strings.ToLower(f), strings.ToLower(l), i, domain)}
		if e.opts.plants(PlantLeavers) && i >= len(e.teams) && d.chance(10) {
			p.left = e.within(d, 0.1, 0.95)
		}
		e.people = append(e.people, p)
		e.teams[p.team].members = append(e.teams[p.team].members, i)
	}
	for i, name := range applicationNames() {
		e.apps = append(e.apps, application{id: name, team: i % len(e.teams)})
	}
}

// member draws a person of a team who is still there at the end.
func (e *enterprise) member(d dice, team int) *person {
	members := e.teams[team].members
	for range 20 {
		if p := &e.people[members[d.IntN(len(members))]]; p.left.IsZero() {
			return p
		}
	}
	return &e.people[members[0]] // the first of each team never leaves
}

// leaver draws a person who left, or nil where nobody did.
func (e *enterprise) leaver(d dice) *person {
	var all []int
	for i := range e.people {
		if !e.people[i].left.IsZero() {
			all = append(all, i)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return &e.people[pick(d, all)]
}
