// Package vault reads the audit log of HashiCorp Vault and OpenBao: who signed in
// by which method, which paths were read and written, and which tokens and
// credentials were issued. It does not describe a server: it reads its log only.
package vault

import (
	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Kind is the kind of this connector, and of its realms.
const Kind = "vault"

// auditLog is the name of the log.
const auditLog = "vault.audit"

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Kind:    Kind,
		Title:   "HashiCorp Vault and OpenBao",
		Summary: "The audit log of a Vault or OpenBao cluster: sign-ins, secrets that were read, tokens and credentials that were issued.",
		Options: []connector.Option{
			{Name: "cluster", Help: "the cluster's id, which `vault status` prints as cluster_id: an audit log does not hold it", Default: "none: it must be given", Reach: connector.ReachSystem},
		},
		Sees: []string{
			"Each request by its response: the entity or token that made it, the path and operation, the address, whether it was denied.",
			"Sign-ins by every method, with the role and policies; tokens, secret ids, leases and certificates that were issued.",
			"Secrets that were read, written and deleted, by path; changes of policies, roles and audit devices.",
		},
		BlindSpots: []string{
			"Which secret id signed in: the log holds neither it nor its accessor. Nor does it hold which key or certificate a JWT was signed with.",
			"Rotations that Vault does by itself (database and cloud root credentials, static roles), and leases that it ends by itself.",
			"Values: tokens, accessors and data are keyed hashes, which only the cluster's sys/audit-hash can compare with something known.",
			"Requests while no audit device was enabled, and those that an enterprise filter of the device leaves out.",
			"Paths that need no token and are not audited, such as sys/health; and whoever reads the storage beside Vault.",
		},
		CouldRead: []string{
			"The files hold paths, names and keyed hashes. A device with log_raw=true writes tokens and secrets as they are: Retinue does not keep them, and whoever can read such a file can.",
		},
		Activity: &connector.Activity{
			Logs: []connector.LogKind{{
				Name: auditLog, Title: "Vault audit log",
				Covers:     []string{"Every request that a device of type file, socket or syslog wrote in JSON, with its answer."},
				BlindSpots: blindSpots(),
			}},
			Target: []connector.TargetForm{
				{Form: "PATH", Help: "a file, folder or pattern of what an audit device wrote, as JSON, also with the device's prefix or syslog's; plain or gzip"},
			},
			Examples: []connector.TargetForm{
				{Form: "vault=/var/log/vault,cluster=4d3e1f0c-6f1b-4f6e-9a55-1b2c3d4e5f60", Help: "the folder of an audit device with the files that were rotated"},
			},
			Open: open,
			Decode: func(record []byte) ([]retinue.Event, error) {
				return (&decoder{}).decode(record)
			},
			Decoder:   alone,
			RealmKind: Kind, RealmOption: "cluster",
		},
	}
}

// blindSpots are those of every audit log of Vault.
func blindSpots() []retinue.BlindSpot {
	return []retinue.BlindSpot{{
		Code: "vault.secret_id_not_logged", Text: "Which secret id of an AppRole signed in is not logged.",
		Credentials: []retinue.CredentialKind{retinue.CredentialClientSecret},
		Raise:       "Give each consumer a role of its own, or bind its secret ids to addresses.", Cost: "A role for each consumer.",
	}, {
		Code: "vault.background_rotation", Text: "What Vault rotates, renews and revokes by itself leaves no entry.",
		Credentials: []retinue.CredentialKind{retinue.CredentialPassword, retinue.CredentialAccessKey},
		Raise:       "Read the log of the system in which the credential is.", Cost: "Another source.",
	}, {
		Code: "vault.device_filtered", Text: "Whether the audit device has a filter, and was enabled all the time, does not show in its log.",
		Raise: "Enable a second device without a filter, and alarm on requests to sys/audit.", Cost: "The log twice.",
	}, {
		Code: "vault.unaudited_paths", Text: "Requests to paths that need no token, such as sys/health and sys/seal-status, leave no entry.",
		Actions: []string{"help"},
	}}
}
