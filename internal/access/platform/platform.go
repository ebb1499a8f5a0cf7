// Package platform summarises what a token, an account or a part of Retinue
// itself may do in Retinue: the permissions of its roles, each on a part of the
// inventory. It is no evaluator: the server decides every request anew, and
// docs/sign-in.md says how.
package platform

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access"
)

// Document is a policy document in the language retinue.LanguageRetinue.
type Document struct {
	// Statements each give permissions on a part of the inventory.
	Statements []Statement `json:"statements"`
	// NoSecondFactor is true of tokens: what asks for a fresh second factor is
	// refused to them.
	NoSecondFactor bool `json:"noSecondFactor,omitempty"`
	// Provisions is true of tokens for SCIM, which put people into groups
	// without a second factor, and so into the roles of those groups.
	Provisions bool `json:"provisions,omitempty"`
}

// Statement gives permissions on a part of the inventory.
type Statement struct {
	Permissions []string `json:"permissions"`
	// On says in words on what; Everything is true for the whole of it.
	On         string `json:"on"`
	Everything bool   `json:"everything,omitempty"`
}

// The permissions that the summary asks for by name.
const (
	manageAccounts = "accounts.manage"
	manageSettings = "settings.manage"
	manageSources  = "sources.manage"
	manageTokens   = "tokens.manage"
	manageChannels = "channels.manage"
)

// power is what a permission lets its holder do, in words.
type power struct {
	name, text string
	writes     bool
	// factor is true where the gravest of it needs a fresh second factor.
	factor bool
}

// powers lists the permissions, the gravest first.
func powers() []power {
	return []power{
		{manageAccounts, "changes accounts, invites people and binds roles", true, true},
		{manageSettings, "changes settings: single sign-on, retention, sealing", true, true},
		{manageTokens, "sees and revokes the tokens of others", true, false},
		{manageSources, "adds, changes and removes sources, their secrets, and collectors", true, true},
		{manageChannels, "changes to whom and where notices, streams and checkpoints go", true, true},
		{"ingest.write", "hands in what was found elsewhere", true, false},
		{"inventory.edit", "registers identities and assigns owners", true, false},
		{"findings.triage", "acknowledges findings and accepts risks", true, false},
		{"usage.people", "is shown the names and addresses of people in usage histories", false, true},
		{"scans.run", "starts scans", true, false},
		{"audit.read", "reads the audit log", false, false},
		{"evidence.export", "exports lists and evidence", false, false},
		{"inventory.read", "reads identities, credentials, grants and findings", false, false},
		{"sources.read", "reads sources and how complete they are", false, false},
		{"rules.read", "reads the rules", false, false},
	}
}

// Summarize says what a document gives. Errors wrap retinue.ErrInvalid.
func Summarize(text string) (access.Summary, error) {
	var d Document
	if len(text) > retinue.MaxDocument {
		return access.Summary{}, fmt.Errorf("%w: document of %d bytes: the limit is %d", retinue.ErrInvalid, len(text), retinue.MaxDocument)
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return access.Summary{}, fmt.Errorf("%w: document: %s", retinue.ErrInvalid, retinue.CleanName(err.Error()))
	}
	var s access.Summary
	have := map[string]bool{} // on everything
	for _, st := range d.Statements {
		s.Services = append(s.Services, "retinue")
		for _, p := range st.Permissions {
			have[p] = have[p] || st.Everything
		}
	}
	s.Admin = have[manageAccounts] && have[manageSettings] && have[manageSources]
	if d.Provisions && !s.Admin {
		s.Escalates = append(s.Escalates, "put people into groups, and so into the roles of those groups")
	}
	if have[manageAccounts] && !d.NoSecondFactor && !s.Admin {
		s.Escalates = append(s.Escalates, "bind roles")
	}
	if s.Admin {
		s.Sentences = append(s.Sentences, "It administers this installation.")
	}
	for _, p := range powers() {
		for _, st := range d.Statements {
			if !slices.Contains(st.Permissions, p.name) {
				continue
			}
			s.Writes = s.Writes || p.writes
			sentence := "It " + p.text
			if !st.Everything {
				sentence += ", on " + retinue.CleanName(st.On)
			}
			if p.factor && d.NoSecondFactor && !d.Provisions {
				s.Conditional = true
				sentence += " (not what asks for a fresh second factor)"
			}
			s.Sentences = append(s.Sentences, sentence+".")
		}
	}
	s.Normalize()
	return s, nil
}
