package app

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/rules"
	"github.com/retinue-id/retinue/internal/store"
	"github.com/retinue-id/retinue/internal/usage/behave"
)

// overUse is of what kind the subjects of signals' rules are.
const overUse rules.Kind = "use"

// signalsPage is where what signals see is written down.
const signalsPage = "docs/usage-behaviour.md"

// signalRules are the rules by which findings tell of signals. Their conditions
// are programs, not expressions: docs/usage-behaviour.md has them.
func signalRules() []rules.Rule {
	ask := "Ask its owner and whoever runs there whether it was them. If nobody was, treat the credential as stolen: lock it, replace it, and look at what it did."
	watched := []string{"NIST-800-53:AC-2(12)", "NIST-800-53:SI-4", "SOC2:CC7.2", "ISO-27001:A.8.16"}
	rule := func(k behave.Kind, title string, s retinue.Severity, remediation string, owasp ...retinue.OWASP) rules.Rule {
		return rules.Rule{ID: signalRuleID(k), Title: title, Over: overUse, When: signalSees(k), Severity: s, OWASP: owasp,
			Controls: watched, Message: "A sentence that says who did what from where, against what was usual.", Remediation: remediation}
	}
	return []rules.Rule{
		rule(behave.FirstNetwork, "Used from where it never was", retinue.SeverityMedium, ask, retinue.NHI2),
		rule(behave.FirstAgent, "Used with a client that it never had", retinue.SeverityLow, ask, retinue.NHI2),
		rule(behave.FirstService, "Uses a service that it never used", retinue.SeverityMedium, ask),
		rule(behave.FirstAction, "Does what it never did", retinue.SeverityLow, ask),
		rule(behave.FirstRegion, "Acts in a region in which it never did", retinue.SeverityLow, ask, retinue.NHI2),
		rule(behave.Volume, "Used far more than ever", retinue.SeverityMedium, ask),
		rule(behave.DeniedBurst, "Refused again and again", retinue.SeverityMedium,
			"Look at what was tried. Of a deployment that went wrong, mend the permissions or the client; of guessing, lock the credential.", retinue.NHI2),
		rule(behave.TwoPlaces, "Used from two places at once", retinue.SeverityMedium,
			"Give each consumer an identity or credential of its own. If one of the places is nobody's, lock the credential and replace it.", retinue.NHI9, retinue.NHI2),
		rule(behave.HumanUse, "A person uses what was made for software", retinue.SeverityMedium,
			"Give the person an account of their own with the access that they need, and replace the credential that they know.", retinue.NHI10),
		rule(behave.TombstoneUse, "Something dead was tried", retinue.SeverityHigh,
			"Find the consumer by the network and client, and take the credential out of it. If it worked, it is not dead: disable it where it is issued.", retinue.NHI1, retinue.NHI7),
		rule(behave.LoggingDisabled, "It switched a log off", retinue.SeverityHigh,
			"Switch the log on again, lock what did it unless its owner confirms the change, and look for what happened meanwhile elsewhere."),
		rule(behave.PrivilegeEdit, "It changed permissions as it never did", retinue.SeverityHigh,
			"Have its owner confirm the change. If they cannot, take it back, lock what did it, and look at what was made.", retinue.NHI5),
		rule(behave.Exposure, "It opened something to others", retinue.SeverityHigh, "Have its owner confirm the change. If they cannot, close it again and lock what did it.", retinue.NHI6),
	}
}

// signalSees says in a sentence when something is noticed; docs/usage-behaviour.md
// has the figures, and a test that they are the same words.
func signalSees(k behave.Kind) string {
	switch k {
	case behave.FirstNetwork:
		return "It is used from a network from which it never was."
	case behave.FirstAgent:
		return "It is used with a client that it never had."
	case behave.FirstService:
		return "It uses a service that it never used."
	case behave.FirstAction:
		return "It does something that it never did."
	case behave.FirstRegion:
		return "It acts in a region in which it never did."
	case behave.Volume:
		return "It acts on a day far more than on any before."
	case behave.DeniedBurst:
		return "It is refused many times within an hour, or over several different actions."
	case behave.TwoPlaces:
		return "It is used in one hour from two networks that never were used together."
	case behave.HumanUse:
		return "It is used with a terminal or browser, or by hand in office hours."
	case behave.TombstoneUse:
		return "What was disabled, revoked, expired, retired or is gone is tried."
	case behave.LoggingDisabled:
		return "It switches off or narrows a log or a detector."
	case behave.PrivilegeEdit:
		return "It changes permissions or trust, or makes an identity or credential, as it never did."
	case behave.Exposure:
		return "It opens a resource to others, as it never did."
	}
	return ""
}

func signalRuleID(k behave.Kind) string { return "signal-" + strings.ReplaceAll(string(k), "_", "-") }

// signalRule is the rule of a kind of signal.
func signalRule(k behave.Kind) rules.Rule {
	id := signalRuleID(k)
	for _, r := range signalRules() {
		if r.ID == id {
			return r
		}
	}
	return rules.Rule{ID: id, Title: string(k), Over: overUse}
}

// isSignalRule reports whether findings of a rule tell of signals: they are kept
// by what was noticed, and not by a judgement of the inventory.
func isSignalRule(rule string) bool {
	return slices.ContainsFunc(behave.Kinds(), func(k behave.Kind) bool { return signalRuleID(k) == rule })
}

// Rules are all rules by which findings are made, those of signals last.
func (a *App) everyRule() []rules.Rule { return append(a.set.Rules(), signalRules()...) }

// signalFamily names what one decision may be about: signals of one rule about one
// thing.
func signalFamily(rule string, e store.Entity) string {
	sum := sha256.Sum256([]byte("signal\x00" + rule + "\x00" + string(e.ID)))
	return hex.EncodeToString(sum[:12])
}

// lockByHand says how a thing is locked today: with the tools of its system, by
// whoever may. It is empty where nothing certain can be said.
func lockByHand(e store.Entity) string {
	key, name := quoteWord(e.Key), quoteWord(e.Name)
	switch kind := e.Realm.Kind(); {
	case kind == "aws" && e.Type == retinue.FactCredential && e.Kind == string(retinue.CredentialAccessKey):
		return "aws iam update-access-key --status Inactive --access-key-id " + key
	case kind == "aws" && e.Kind == string(retinue.IdentityRole):
		return "aws iam put-role-policy --policy-name Locked --policy-document '{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}]}' --role-name " + name
	case kind == "aws" && e.Kind == string(retinue.IdentityUser):
		return "aws iam put-user-policy --policy-name Locked --policy-document '{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"*\",\"Resource\":\"*\"}]}' --user-name " + name
	case kind == "postgres" && e.Type == retinue.FactIdentity:
		return `ALTER ROLE "` + strings.ReplaceAll(retinue.CleanName(e.Key), `"`, `""`) + `" NOLOGIN; then end its sessions with pg_terminate_backend.`
	case kind == "gcp" && e.Type == retinue.FactIdentity && strings.Contains(e.Key, "@"):
		return "gcloud iam service-accounts disable " + key
	case kind == "kubernetes" && e.Type == retinue.FactIdentity:
		return "take away its role bindings (kubectl get rolebindings,clusterrolebindings -A), then delete its token secrets and the pods that run as it."
	case kind == "host" && e.Type == retinue.FactIdentity:
		return "usermod --lock --expiredate 1 " + name + ", and take its keys out of authorized_keys."
	case kind == "host":
		return "take the key out of authorized_keys on every machine that has it."
	case kind == "forge":
		return "suspend the app or revoke the token in the settings of the organisation."
	}
	return ""
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9@%+=:,./_-]+$`)

// quoteWord is a name as one word of a shell's command, whatever is in it.
func quoteWord(s string) string {
	s = retinue.CleanName(s)
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
