// Package host is the connector to one machine: its accounts, services, jobs,
// SSH keys, certificates, the credential files of the usual tools and the
// configurations of AI agents. It reads files and nothing else: it runs no
// program, opens no connection and tries no credential. It works on this
// machine, or on a folder that holds a copy or a mounted image of one.
//
// Each part is a scope of its own, so that an unreadable home leaves only that
// home incomplete. It needs no privilege and says what it could not read.
package host

import (
	"github.com/retinue-id/retinue/connector"
)

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Kind:           "host",
		Title:          "Host",
		Summary:        "One Linux machine (macOS in part): accounts, services, jobs, SSH keys, certificates, tools' credential files, AI agents.",
		TargetOptional: true,
		Target: []connector.TargetForm{
			{Form: "FOLDER", Help: "a copy or mounted image of a machine; without it, this machine"},
		},
		Options: []connector.Option{
			{Name: "users", Help: "accounts whose homes are read", Default: "every account with a home of its own", List: true, Reach: connector.ReachSystem},
			{Name: "include", Help: "further folders, absolute paths on the machine, searched for keys, certificates, .env files and agents' configurations",
				Default: "none", List: true, Reach: connector.ReachMachine},
			{Name: "id", Help: "the machine's id, for a copy that has neither a machine id nor an SSH host key", Default: "derived from /etc/machine-id", Reach: connector.ReachMachine},
			{Name: "timezone", Help: "the machine's time zone, for logs of sign-ins whose lines name none", Default: "that of the machine that reads them", Reach: connector.ReachSystem},
		},
		Examples: []connector.TargetForm{
			{Form: "host", Help: "this machine, as far as the running account can read"},
			{Form: "host,users=ada;deploy,include=/srv/app", Help: "two homes and a folder besides"},
			{Form: "host=/mnt/image", Help: "a mounted disk image"},
		},
		Privileges: privileges(),
		Sees:       sees(),
		BlindSpots: blindSpots(),
		CouldRead: []string{
			"CAP_DAC_READ_SEARCH reads every file of the machine, private keys and databases included; the unit confines it to reading, without network",
			"without privileges: whatever the account that runs it can read",
		},
		Open:     open,
		Activity: activity(),
	}
}

func privileges() []connector.Document {
	return []connector.Document{
		{Title: "Without privileges", Language: "sh", Body: "retinue scan host\n"},
		{Title: "The whole machine: read-only, without network (systemd unit)", Language: "ini", Body: `[Unit]
Description=Retinue host scan

[Service]
Type=oneshot
ExecStart=/usr/local/bin/retinue scan host --out /var/lib/retinue/host.facts
DynamicUser=yes
StateDirectory=retinue
AmbientCapabilities=CAP_DAC_READ_SEARCH
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
NoNewPrivileges=yes
PrivateNetwork=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectKernelModules=yes
SystemCallFilter=@system-service
UMask=0077
`},
	}
}

func sees() []string {
	return []string{
		"accounts and groups, which accounts are not people and why, last logins, state and age of passwords (never the hash)",
		"sudo rules: files as policies, rules as grants",
		"systemd services and timers that are enabled or made on the machine, with the account each acts as and the secrets in their environment",
		"cron jobs of the system and of users",
		"SSH host keys, users' keys, authorized keys with their options, trusted certificate authorities, the server's settings",
		"X.509 certificates and private keys: expiry, algorithm, size, names, reuse of a key, who can read the file (its folders taken into account)",
		"credentials in the files of AWS, gcloud, Azure, Kubernetes, Docker and Podman, npm, Yarn, PyPI, pip, netrc, PostgreSQL, MySQL, GitHub and GitLab command lines, git, Terraform, Vault, Cargo, Heroku, Fly, DigitalOcean, .env files and shell profiles",
		"AI agents and tool servers (MCP) of Claude, Cursor, VS Code, Cline, Windsurf, Codex, Gemini, Zed, Continue, Goose, OpenCode, Kiro, LM Studio, Amazon Q, Copilot and .mcp.json: commands, addresses, what is allowed without asking, tokens",
	}
}

func blindSpots() []string {
	return []string{
		"files that the running account cannot read; each is reported and its part stays incomplete",
		"accounts of directories (LDAP, SSSD, NIS, Active Directory) beside the local files",
		"memory and environment of running processes, transient and per-user systemd units, jobs of at",
		"key stores: GNOME Keyring, KWallet, macOS Keychain, browsers, kernel keyrings, TPM; gcloud's credentials.db; PKCS#12 and Java key stores are recognised and not opened",
		"Match blocks and AuthorizedKeysCommand of sshd: reported, not evaluated",
		"projects deeper than four folders below a home, hidden caches, node_modules",
		"macOS: Open Directory, binary property lists and Keychain; launchd jobs in XML, homes, keys, tools and agents are read",
		"machines cloned with their machine id are seen as one",
	}
}
