package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/evidence/export"
)

var now = time.Date(2026, 11, 21, 22, 43, 0, 0, time.UTC)

// sampleData is an estate of three systems, one of them read in part.
func sampleData() Data {
	role := func(name string) retinue.Ref {
		return retinue.NewRef("aws:111111111111", "role", "arn:aws:iam::111111111111:role/service-role/"+name)
	}
	return Data{
		Title: "Non-human identities of build-7, acme/app and aws-prod", Tool: "retinue 0.1.0", GeneratedAt: now,
		By: retinue.Actor{Kind: "os_user", Name: "ada", Host: "build-7"},
		Identities: Identities{NonHuman: 1204, Unclear: 17, People: 88, Owned: 402, Suggested: 344, Disabled: 31,
			BySource: []Count{{Label: "aws-prod", N: 790}, {Label: "build-7", N: 402}, {Label: "acme/app", N: 12}},
			ByKind: []Count{{Label: "role", N: 612}, {Label: "service", N: 301}, {Label: "user", N: 140}, {Label: "service_account", N: 101},
				{Label: "pipeline", N: 38}, {Label: "agent", N: 12}},
			ByEnvironment: []Count{{Label: "production", N: 410}, {Label: "test", N: 96}, {Label: "unlabelled", N: 698, Unknown: true}}},
		Credentials: Credentials{Total: 911, Static: 640, Old: 190, OldDays: 90, NeverExpire: 388, Expired: 14, InFiles: 23,
			ByAge: []Count{{Label: "up to 30 days", N: 71}, {Label: "31 to 90 days", N: 140}, {Label: "91 days to a year", N: 122},
				{Label: "over a year", N: 68}, {Label: "age not known", N: 239, Unknown: true}}},
		Trusts: Trusts{Total: 655, ThirdParty: 61, WithoutExternalID: 9, Undecided: 12,
			Parties: []Party{{"Datadog", "account", 31, 0}, {"222222222222", "account", 9, 9}, {"token.actions.githubusercontent.com", "federated", 21, 0}}},
		Findings: Findings{BySeverity: map[retinue.Severity]int{retinue.SeverityCritical: 3, retinue.SeverityHigh: 42, retinue.SeverityMedium: 311,
			retinue.SeverityLow: 77, retinue.SeverityInfo: 12}, Accepted: 4, Suppressed: 212, New: 17},
		OWASP: sampleRisks(),
		Fixes: []Fix{
			{Title: "Narrow the shared policy deploy-admin", Severity: retinue.SeverityHigh, Findings: 340, Identities: 312,
				Action: "Replace the statement that allows iam:PassRole on every role by one that names the 4 roles in use.",
				Reason: "One managed policy is attached to all of them.", Command: "retinue findings list --fix fix-17",
				Examples: []string{"ci-deployer", "nightly-copy", "billing-export", "reports", "search"}},
			{Title: "Ask 222222222222 for an external id", Severity: retinue.SeverityCritical, Findings: 9, Identities: 9,
				Action: "Add a condition on sts:ExternalId to the trust policies.", Examples: []string{"vendor-backup"}},
			{Title: "Rotate the key in .env and keep it in the secret manager", Severity: retinue.SeverityHigh, Findings: 3, Identities: 1,
				Action: "Issue a new key, change its two consumers, revoke the old one.", Examples: []string{"AKIAIOSFODNN7"}},
		},
		FixTotal: 38,
		Worst: []retinue.Finding{
			{Rule: "trust-without-external-id", Title: "A third party is trusted without an external id", Severity: retinue.SeverityCritical,
				State: retinue.FindingOpen, OWASP: []retinue.OWASP{retinue.NHI3}, Subject: role("vendor-backup-with-a-rather-long-name-that-goes-on"),
				Name: "vendor-backup", Message: "vendor-backup can be assumed by account 222222222222, which is not one of the organisation's, without an external id.",
				Remediation: "Agree on an external id and add it to the trust policy.", Priority: 94, PriorityReason: "critical, reaches production, in use", FirstSeen: now.AddDate(0, 0, -3)},
			{Rule: "secret-in-file", Title: "A key stands in a file that others can read", Severity: retinue.SeverityHigh, State: retinue.FindingReopened,
				OWASP: []retinue.OWASP{retinue.NHI2, retinue.NHI7}, Subject: retinue.NewRef("aws:111111111111", "access_key", "AKIAIOSFODNN7"),
				Message:  "The access key of ci-deployer stands in two files.",
				Places:   []retinue.Place{{Path: "/srv/app/.env", Field: "AWS_ACCESS_KEY_ID", Line: 12}, {Path: "deploy/old.sh", Line: 3, Commit: "0123456789abcdef"}},
				Priority: 81, FirstSeen: now.AddDate(0, -2, 0)},
			{Rule: "shared-key", Title: "One key is used on several hosts", Severity: retinue.SeverityMedium, State: retinue.FindingOpen,
				OWASP: []retinue.OWASP{retinue.NHI9}, Subject: retinue.NewRef("host:h1", "ssh_key", "SHA256:abcdef"), Message: "3 hosts accept this key.", Priority: 40},
		},
		WorstTotal: 445,
		Sources: []Source{
			{Name: "build-7", Kind: "host", Realm: "host:4c5f0d5c", ObservedAt: now, Complete: 14, Identities: 402, Credentials: 121, Use: retinue.GradeC,
				BlindSpots: []string{"files of other accounts that this user cannot read", "keys held by an agent or a hardware token"}},
			{Name: "acme/app", Kind: "repo", Realm: "git:0123456789abcdef0123456789abcdef01234567", ObservedAt: now, Complete: 3, Identities: 12, Credentials: 23,
				BlindSpots: []string{"secrets of the pipeline system itself: only their names are seen"}},
			{Name: "aws-prod", Kind: "aws", Realm: "aws:111111111111", ObservedAt: now.Add(-26 * time.Hour), Complete: 17, Partial: 2, Failed: 1,
				Identities: 790, Credentials: 767, Use: retinue.GradeC,
				Problems:   []string{"lambda/eu-west-1: list functions: throttled after 5 tries"},
				Missing:    []string{"secretsmanager:ListSecrets: which secrets rotate is not known"},
				NotCovered: []string{"an authorization-details export has no last use of roles"}},
		},
		Offers:     []Offer{{"4 kubeconfig contexts were found", "retinue scan kubernetes=~/.kube/config"}, {"3 AWS profiles were found", "retinue scan aws=profile:dev"}},
		Folds:      []Count{{Label: "certificates of the distribution's CA bundle", N: 142}, {Label: "packaged accounts that cannot log in", N: 38}},
		BlindSpots: []string{"What a credential was used for is not known: no log is connected."},
		Database:   "~/.local/share/retinue/retinue.db", Audit: export.AuditHead{Seq: 1317, Hash: strings.Repeat("ab12", 16)},
		Manifest: &export.Manifest{Query: export.Query{Subject: "everything"}, Rows: 1204, SHA256: strings.Repeat("cd34", 16)},
	}
}

func sampleRisks() []Risk {
	var out []Risk
	for i, o := range retinue.OWASPRisks() {
		r := Risk{ID: o.ID, BySeverity: map[retinue.Severity]int{retinue.SeverityHigh: 40 - 4*i, retinue.SeverityMedium: 7 * i}}
		switch o.ID {
		case retinue.NHI3:
			r.BySeverity[retinue.SeverityCritical] = 3
		case retinue.NHI1:
			r.Limit = "Use is known from last-used fields only."
		case retinue.NHI10:
			r = Risk{ID: o.ID, NotMeasured: true, Limit: "Needs a log of who acted."}
		}
		out = append(out, r)
	}
	return out
}

// hostileData is sampleData with a hostile name wherever text comes from a
// governed system.
func hostileData() Data {
	const evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'`{{.}}\x1b[31m\u202ekcatta\x00"
	d := sampleData()
	d.Title, d.By.Name, d.Tool = evil, evil, evil
	d.Identities.ByKind = []Count{{Label: evil, N: 3}}
	d.Trusts.Parties = []Party{{evil, evil, 1, 1}}
	d.Fixes = []Fix{{Title: evil, Action: evil, Reason: evil, Examples: []string{evil}, Command: evil, Severity: retinue.Severity(evil), Identities: 2}}
	d.Worst = []retinue.Finding{{Rule: evil, Title: evil, Message: evil, Name: evil, Remediation: evil, PriorityReason: evil,
		Subject: retinue.NewRef("x:y", "k", strings.Repeat(evil, 20)), Places: []retinue.Place{{Path: evil, Field: evil, Commit: evil}}}}
	d.Sources = []Source{{Name: evil, Kind: evil, Realm: evil, Problems: []string{evil}, Missing: []string{evil}, NotCovered: []string{evil}, BlindSpots: []string{evil}}}
	d.Offers = []Offer{{evil, evil}}
	d.Folds = []Count{{Label: evil, N: 1}}
	d.BlindSpots = []string{evil}
	d.Database = evil
	return d
}

func manyFindings(n int) []retinue.Finding {
	var out []retinue.Finding
	for i := range n {
		out = append(out, retinue.Finding{Title: fmt.Sprint("finding ", i), Severity: retinue.SeverityLow, Subject: retinue.NewRef("x:y", "k", fmt.Sprint(i))})
	}
	return out
}
