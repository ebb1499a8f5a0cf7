package rules

import "github.com/retinue-id/retinue"

// FillCounts sets the counts that are zero and follow from what is attached.
// The inventory calls it after setting those that need the database.
func (s *Subject) FillCounts() {
	t := tally{seen: map[retinue.Place]bool{}, containers: map[retinue.Ref]bool{}, consumers: map[retinue.Ref]bool{}}
	for i := range s.Placements {
		t.add(&s.Placements[i])
	}
	longLived := 0
	for i := range s.Credentials {
		h := &s.Credentials[i]
		for j := range h.Placements {
			t.add(&h.Placements[j])
		}
		if !h.Credential.ShortLived && works(h.Credential.State) {
			longLived++
		}
	}
	runnerIn := map[retinue.Ref]bool{}
	for _, r := range s.Runners {
		if !r.Container.IsZero() {
			runnerIn[r.Container] = true
		}
	}
	c := &s.Counts
	setInt(&c.Places, len(t.seen))
	setInt(&c.PlacesOutsideVault, t.outside)
	setInt(&c.HistoricPlaces, t.historic)
	setInt(&c.References, t.references)
	setInt(&c.Containers, len(t.containers))
	setInt(&c.Consumers, len(t.consumers))
	setInt(&c.Runners, len(s.Runners))
	setInt(&c.RunnerContainers, len(runnerIn))
	setInt(&c.LongLived, longLived)
}

// tally counts placements.
type tally struct {
	seen                          map[retinue.Place]bool
	containers, consumers         map[retinue.Ref]bool
	outside, historic, references int
}

func (t *tally) add(p *retinue.Placement) {
	if !p.Consumer.IsZero() {
		t.consumers[p.Consumer] = true
	}
	switch {
	case p.Reference:
		t.references++
		return
	case p.Historic:
		t.historic++
		return
	}
	// One place may be stated by head and history, and for several consumers.
	at := p.Place
	at.Commit, at.Column = "", 0
	if at.Field != "" {
		at.Line = 0
	}
	if t.seen[at] {
		return
	}
	t.seen[at] = true
	if !at.Kind.Managed() {
		t.outside++
	}
	if !at.Container.IsZero() {
		t.containers[at.Container] = true
	}
}

// works reports whether a credential may work, as far as is known.
func works(s retinue.CredentialState) bool {
	return s == "" || s == retinue.CredentialActive || s == retinue.CredentialUnknown
}

func setInt(field *int, derived int) {
	if *field == 0 {
		*field = derived
	}
}
