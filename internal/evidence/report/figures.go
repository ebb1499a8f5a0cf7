package report

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
)

func (p *page) figures(d Data) {
	add := func(label, value, note string) { p.Figures = append(p.Figures, figure{label, value, note}) }
	i, c := d.Identities, d.Credentials
	note := ""
	if i.Unclear > 0 {
		note = "and " + number(i.Unclear) + " unclear"
	}
	add("non-human identities", number(i.NonHuman), note)
	add("without an owner", number(i.NonHuman-i.Owned), percent(i.NonHuman-i.Owned, i.NonHuman)+" of them")
	if c.Total == 0 {
		add("static credentials", "—", "not known: no credential was listed")
	} else if c.OldDays > 0 {
		value, note := number(c.Old), ""
		if n := unknown(c.ByAge); n > 0 {
			note = "and " + number(n) + " of unknown age"
			if n >= c.Static {
				value, note = "—", "the age of none of "+number(n)+" is known"
			}
		}
		add(fmt.Sprintf("static credentials older than %d days", c.OldDays), value, note)
	} else {
		add("static credentials", number(c.Static), "")
	}
	note = ""
	if d.Trusts.WithoutExternalID > 0 {
		note = number(d.Trusts.WithoutExternalID) + " without external id"
	}
	add("trusts to third parties", number(d.Trusts.ThirdParty), note)
	note = ""
	if n := d.Findings.BySeverity[retinue.SeverityCritical]; n > 0 {
		note = number(n) + " critical"
	}
	add("open findings", number(d.Findings.Total()), note)
	whole := len(d.Sources) - d.partial()
	add("sources read whole", fmt.Sprintf("%s of %s", number(whole), number(len(d.Sources))), "")
}

func unknown(counts []Count) int {
	n := 0
	for _, c := range counts {
		if c.Unknown {
			n += c.N
		}
	}
	return n
}

func (p *page) fixes(d Data) {
	for _, f := range d.Fixes[:min(len(d.Fixes), maxFixes)] {
		r := fixRow{Severity: mark(f.Severity), Title: f.Title, Action: f.Action, Reason: f.Reason, Command: f.Command,
			Identities: number(f.Identities), Settles: []string{"identities"}}
		if f.Identities == 1 {
			r.Settles[0] = "identity"
		}
		if f.Findings != f.Identities {
			r.Settles = append(r.Settles, plural(f.Findings, "finding", "findings"))
		}
		shown := f.Examples[:min(len(f.Examples), 4)]
		r.Examples = strings.Join(cutAll(shown, 56), ", ")
		if len(f.Examples) > len(shown) || (len(shown) > 0 && f.Identities > len(shown)) {
			r.Examples += ", …"
		}
		p.Fixes = append(p.Fixes, r)
	}
	if more := d.FixTotal - len(p.Fixes); more > 0 {
		p.FixesMore = "Another " + plural(more, "change settles", "changes settle") + " the rest."
	}
	p.NoFixes = "Nothing: no finding is open."
	if d.Findings.Total() > 0 {
		p.NoFixes = "The open findings have no common fix; they are listed below."
	}
}

func (p *page) findings(d Data) {
	f := d.Findings
	notes := []string{plural(f.Total(), "finding stands", "findings stand") + " open."}
	if f.New > 0 {
		notes = append(notes, number(f.New)+" new with the last scan.")
	}
	if f.Accepted > 0 {
		notes = append(notes, plural(f.Accepted, "risk is", "risks are")+" accepted for a time.")
	}
	if f.Suppressed > 0 {
		notes = append(notes, number(f.Suppressed)+" about what a provider or package manages are counted and not listed.")
	}
	p.FindingsNote = strings.Join(notes, " ")
	var words []string
	x := 0.0
	for _, s := range retinue.Severities() {
		n := f.BySeverity[s]
		if n == 0 {
			continue
		}
		w := share(n, f.Total())
		p.Severities = append(p.Severities, segment{Severity: mark(s), Class: mark(s).Class, N: number(n), X: decimal(x), Width: decimal(w)})
		words = append(words, number(n)+" "+string(s))
		x += w
	}
	p.SeverityText = "Open findings: " + strings.Join(words, ", ")
	by := map[retinue.OWASP]Risk{}
	for _, r := range d.OWASP {
		by[r.ID] = r
	}
	for _, o := range retinue.OWASPRisks() {
		r, ok := by[o.ID]
		row := riskRow{ID: string(o.ID), Name: o.Name, Limit: r.Limit, NotMeasured: !ok || r.NotMeasured}
		all := 0
		for _, s := range retinue.Severities() {
			n := r.BySeverity[s]
			all += n
			if s != retinue.SeverityInfo {
				row.Cells = append(row.Cells, riskCell{n, number(n), s == retinue.SeverityMedium || s == retinue.SeverityLow})
			}
		}
		row.Cells = append(row.Cells, riskCell{N: all, Text: number(all)})
		p.Risks = append(p.Risks, row)
	}
}

func (p *page) identities(d Data) {
	i := d.Identities
	notes := []string{plural(i.NonHuman, "principal is", "principals are") + " non-human."}
	if i.Unclear > 0 {
		notes = append(notes, number(i.Unclear)+" could be a person and are counted apart.")
	}
	if i.People > 0 {
		notes = append(notes, number(i.People)+" are people and are not counted.")
	}
	if i.Disabled > 0 {
		notes = append(notes, number(i.Disabled)+" are disabled.")
	}
	p.IdentitiesNote = strings.Join(notes, " ")
	none := max(i.NonHuman-i.Owned-i.Suggested, 0)
	p.IdentityBars = []bars{
		newBars("By kind", i.ByKind),
		newBars("By source", i.BySource),
		newBars("Ownership", present(Count{Label: "owner registered", N: i.Owned}, Count{Label: "owner suggested by evidence", N: i.Suggested},
			Count{Label: "no owner", N: none})),
		newBars("Environment", i.ByEnvironment),
	}
}

func (p *page) credentials(d Data) {
	c := d.Credentials
	notes := []string{fmt.Sprintf("%s of %s do not end by themselves within hours.", number(c.Static), plural(c.Total, "credential", "credentials"))}
	if c.NeverExpire > 0 {
		notes = append(notes, number(c.NeverExpire)+" have no end at all.")
	}
	if c.Expired > 0 {
		notes = append(notes, number(c.Expired)+" have expired and still exist.")
	}
	if c.InFiles > 0 {
		notes = append(notes, number(c.InFiles)+" lie in a place that is no secret manager.")
	}
	p.CredentialsNote = strings.Join(notes, " ")
	p.CredentialBars = []bars{newBars("Static credentials by age", c.ByAge)}
}

func (p *page) trusts(d Data) {
	t := d.Trusts
	p.TrustsNote = fmt.Sprintf("%s of %s admit somebody outside the organisation.", number(t.ThirdParty), plural(t.Total, "trust", "trusts"))
	if t.Undecided > 0 {
		p.TrustsNote += " Of " + number(t.Undecided) + " it is not known, because the organisation's own accounts are not known."
	}
	for _, x := range t.Parties[:min(len(t.Parties), maxTrusts)] {
		p.Parties = append(p.Parties, partyRow{x.Name, x.Kind, number(x.Trusts), number(x.WithoutExternalID)})
	}
	if more := len(t.Parties) - len(p.Parties); more > 0 {
		p.TrustsNote += " " + plural(more, "more third party is", "more third parties are") + " not listed."
	}
}
