package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/app"
)

// backupPassphrase is the variable that may hold the passphrase of a backup.
const backupPassphrase = "RETINUE_BACKUP_PASSPHRASE"

func (e *env) backupCommand() *cobra.Command {
	var recipients []string
	var passphrase string
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write an encrypted backup of database and keys",
		Long: `Write one encrypted file that holds a consistent copy of the database and the
keys that lie beside it. A server may go on meanwhile. Whoever is to open the
backup is named by an age recipient (age1…, made with age-keygen) or by a
passphrase from a file or from ` + backupPassphrase + `.

On PostgreSQL the file holds the keys, and what the dump of the database that
you make with pg_dump at the same time must hold.`,
		Example: `  retinue backup /backups/retinue-$(date +%F).age --recipient "$RECIPIENT"
  retinue backup retinue.age --passphrase-file passphrase.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if e.remote() {
				return errLocal
			}
			cfg, err := e.settings()
			if err != nil {
				return err
			}
			to, err := e.backupRecipients(recipients, passphrase)
			if err != nil {
				return err
			}
			m, warnings, err := app.Backup(cmd.Context(), cfg, args[0], app.BackupOptions{Recipients: to, Getenv: e.getenv})
			for _, w := range warnings {
				e.say("note: %s", w)
			}
			if err != nil {
				return err
			}
			e.printf("Wrote %s: %d files, %d things, %d records, head %.16s.\n", args[0], len(m.Files), m.Counts["entities"], m.Records, m.Head)
			return nil
		},
	}
	c.Flags().StringArrayVar(&recipients, "recipient", nil, "age recipient who may open it (age1…); give each")
	c.Flags().StringVar(&passphrase, "passphrase-file", "", "file whose first line is the passphrase")
	return c
}

func (e *env) restoreCommand() *cobra.Command {
	var identity, passphrase string
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Bring an installation back from a backup",
		Long: `Bring database and keys back from a backup, to the places that the configuration
names. Nothing is written over: move what is there away first. The copy is
checked before it is put in its place (structure, counts, and the whole audit
log), brought up to the schema of this program, and every session has ended.

On PostgreSQL, restore the dump with pg_restore first.`,
		Example: `  retinue restore retinue.age --identity key.txt
  retinue --db /srv/retinue/retinue.db restore retinue.age --passphrase-file passphrase.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if e.remote() {
				return errLocal
			}
			cfg, err := e.settings()
			if err != nil {
				return err
			}
			open, err := e.backupIdentities(identity, passphrase)
			if err != nil {
				return err
			}
			r, err := app.Restore(cmd.Context(), cfg, args[0], open, nil)
			if err != nil {
				return err
			}
			e.printf("Restored the backup of %s: %d things, schema %d", r.Manifest.CreatedAt.Format("2006-01-02 15:04 MST"), r.Manifest.Counts["entities"], r.Manifest.Schema)
			if r.Schema != r.Manifest.Schema {
				e.printf(" upgraded to %d", r.Schema)
			}
			e.printf(".\nAudit log: %s\n", r.Audit)
			for _, k := range r.Keys {
				e.printf("Keys: %s\n", k)
			}
			return nil
		},
	}
	c.Flags().StringVar(&identity, "identity", "", "file with the age identity that opens it (AGE-SECRET-KEY-1…)")
	c.Flags().StringVar(&passphrase, "passphrase-file", "", "file whose first line is the passphrase")
	return c
}

// backupRecipients reads who may open a backup.
func (e *env) backupRecipients(words []string, file string) ([]age.Recipient, error) {
	phrase, err := e.backupPhrase(file)
	if err != nil {
		return nil, err
	}
	var out []age.Recipient
	for _, w := range words {
		r, err := age.ParseRecipients(strings.NewReader(w))
		if err != nil {
			return nil, usageError{fmt.Errorf("%w: --recipient: want age1… as age-keygen prints it", retinue.ErrInvalid)}
		}
		out = append(out, r...)
	}
	switch {
	case len(out) > 0 && file != "":
		return nil, usageError{fmt.Errorf("%w: give recipients or a passphrase: age takes one of the two", retinue.ErrInvalid)}
	case len(out) > 0:
		return out, nil
	case phrase == "":
		return nil, usageError{fmt.Errorf("%w: give --recipient, --passphrase-file or %s: a backup holds keys and is never written in clear", retinue.ErrInvalid, backupPassphrase)}
	}
	r, err := age.NewScryptRecipient(phrase)
	if err != nil {
		return nil, fmt.Errorf("%w: passphrase: %v", retinue.ErrInvalid, err)
	}
	return []age.Recipient{r}, nil
}

// backupIdentities reads what opens a backup.
func (e *env) backupIdentities(identity, file string) ([]age.Identity, error) {
	if identity != "" {
		f, err := os.Open(identity)
		if err != nil {
			return nil, usageError{fmt.Errorf("%w: read identity: %v", retinue.ErrInvalid, err)}
		}
		defer func() { _ = f.Close() }()
		ids, err := age.ParseIdentities(f)
		if err != nil {
			return nil, usageError{fmt.Errorf("%w: read identity %s: want lines of AGE-SECRET-KEY-1…", retinue.ErrInvalid, identity)}
		}
		return ids, nil
	}
	phrase, err := e.backupPhrase(file)
	if err != nil {
		return nil, err
	}
	if phrase == "" {
		return nil, usageError{fmt.Errorf("%w: give --identity, --passphrase-file or %s", retinue.ErrInvalid, backupPassphrase)}
	}
	id, err := age.NewScryptIdentity(phrase)
	if err != nil {
		return nil, fmt.Errorf("%w: passphrase: %v", retinue.ErrInvalid, err)
	}
	return []age.Identity{id}, nil
}

// minPassphrase is the least length of a passphrase, in characters.
const minPassphrase = 12

func (e *env) backupPhrase(file string) (string, error) {
	phrase := e.getenv(backupPassphrase)
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", usageError{fmt.Errorf("%w: read passphrase: %v", retinue.ErrInvalid, err)}
		}
		phrase, _, _ = strings.Cut(string(b), "\n")
		if phrase = strings.TrimRight(phrase, "\r"); phrase == "" {
			return "", usageError{errors.New("the passphrase is empty")}
		}
	}
	if phrase != "" && len([]rune(phrase)) < minPassphrase {
		return "", usageError{fmt.Errorf("%w: the passphrase has fewer than %d characters", retinue.ErrInvalid, minPassphrase)}
	}
	return phrase, nil
}
