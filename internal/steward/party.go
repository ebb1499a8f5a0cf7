package steward

import (
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

// Party is a person or a team that can answer for identities.
type Party struct {
	// Name is what is registered as owner: a person's e-mail address, a
	// team's key.
	Name string
	Kind retinue.FactType // retinue.FactPerson or retinue.FactTeam
	// Title is what people call it.
	Title string
	// Left is true where a directory says that the person is no longer there,
	// State in which state it has them.
	Left  bool
	State retinue.State
	// Teams are the names of a person's teams, Manager the name of who leads
	// the person, or the team.
	Teams   []string
	Manager string
}

// Directory finds persons and teams by what they are called: e-mail address,
// handle, key or name, without regard to case. A word that names several finds
// none. The zero Directory knows nobody.
type Directory struct {
	byWord  map[string]int
	parties []Party
}

// severalParties marks a word that names several.
const severalParties = -1

// Add adds a party under its name, title and the other words by which it is
// known.
func (d *Directory) Add(p Party, words ...string) {
	if d.byWord == nil {
		d.byWord = map[string]int{}
	}
	d.parties = append(d.parties, p)
	i := len(d.parties) - 1
	for _, w := range append([]string{p.Name, p.Title}, words...) {
		w = Fold(w)
		if have, ok := d.byWord[w]; ok && (have == severalParties || d.parties[have].Name != p.Name) {
			// A name shared by a person and a team still names the one whose
			// key it is.
			if have != severalParties && Fold(d.parties[have].Name) == w {
				continue
			}
			if Fold(p.Name) != w {
				d.byWord[w] = severalParties
				continue
			}
		}
		if w != "" {
			d.byWord[w] = i
		}
	}
}

// Find returns the party that a word names. A handle may carry an @ and an
// organisation (@org/team).
func (d *Directory) Find(word string) (Party, bool) {
	w := Fold(word)
	for _, form := range []string{w, w[strings.LastIndexByte(w, '/')+1:]} {
		if i, ok := d.byWord[form]; ok && i != severalParties && form != "" {
			return d.parties[i], true
		}
	}
	return Party{}, false
}

// Left lists the words by which those are known who left.
func (d *Directory) Left() []string {
	var out []string
	for w, i := range d.byWord {
		if i != severalParties && d.parties[i].Left {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return out
}

// Len is how many parties there are.
func (d *Directory) Len() int { return len(d.parties) }

// Fold is the form in which names are compared: trimmed, without a leading @,
// in lower case.
func Fold(word string) string {
	return strings.ToLower(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(word), "@")))
}
