package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/internal/app"
)

// maxLogins bounds the file of tokens, in bytes.
const maxLogins = 1 << 20

// address is the server that the command line or RETINUE_SERVER names, or "".
// A database that the command line names wins over the environment.
func (e *env) address() string {
	if e.server == "" && e.db == "" {
		return e.getenv("RETINUE_SERVER")
	}
	return e.server
}

// remote reports whether commands speak to a server.
func (e *env) remote() bool { return e.address() != "" }

// connect returns a client of the server with the token of RETINUE_TOKEN, or
// the one that `retinue login` kept.
func (e *env) connect() (*client.Client, error) {
	if e.server != "" && e.db != "" {
		return nil, usageError{errors.New("--server and --db: give one of them")}
	}
	address := e.address()
	token := e.getenv("RETINUE_TOKEN")
	if token == "" {
		all, err := e.readLogins()
		if err != nil {
			return nil, err
		}
		if token = all[address].Token; token == "" {
			return nil, fmt.Errorf("%w: not signed in at %s: run `retinue login %s`, or set RETINUE_TOKEN", retinue.ErrDenied, address, address)
		}
	}
	return client.New(address, client.Options{Token: retinue.NewSecret(token), UserAgent: "retinue/" + app.Version})
}

func (e *env) dial() (*remote, error) {
	c, err := e.connect()
	if err != nil {
		return nil, err
	}
	return &remote{c: c}, nil
}

// loginsFile is where tokens of servers are kept, with mode 0600.
func (e *env) loginsFile() (string, error) {
	dir := e.getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) {
		home := e.getenv("HOME")
		if home == "" {
			home = e.getenv("USERPROFILE")
		}
		if home == "" {
			return "", fmt.Errorf("%w: find a place for the token: HOME is not set: set RETINUE_TOKEN instead", retinue.ErrInvalid)
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "retinue", "logins.json"), nil
}

// signIn is what is kept of a sign-in at a server.
type signIn struct {
	Token string `json:"token"`
	ID    string `json:"id"` // revokes it
}

// readLogins reads the sign-ins by the address of their server.
func (e *env) readLogins() (map[string]signIn, error) {
	path, err := e.loginsFile()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return map[string]signIn{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: read sign-ins: %v", retinue.ErrInvalid, err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Mode().Perm()&0o077 != 0 && filepath.Separator == '/' {
		return nil, fmt.Errorf("%w: %s can be read by others: chmod 600 it", retinue.ErrDenied, path)
	}
	all := map[string]signIn{}
	if err := json.NewDecoder(io.LimitReader(f, maxLogins)).Decode(&all); err != nil {
		return nil, fmt.Errorf("%w: read sign-ins in %s: %v", retinue.ErrInvalid, path, err)
	}
	return all, nil
}

// writeLogin keeps the sign-in at a server; an empty one is forgotten.
func (e *env) writeLogin(address string, in signIn) (path string, err error) {
	all, err := e.readLogins()
	if err != nil {
		return "", err
	}
	all[address] = in
	if in.Token == "" {
		delete(all, address)
	}
	if path, err = e.loginsFile(); err != nil {
		return "", err
	}
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("%w: keep sign-in: %v", retinue.ErrUnavailable, err)
	}
	// Written beside and moved, so that a full disk loses no other sign-in.
	tmp, err := os.CreateTemp(filepath.Dir(path), "logins-*")
	if err != nil {
		return "", fmt.Errorf("%w: keep sign-in: %v", retinue.ErrUnavailable, err)
	}
	_, werr := tmp.Write(append(b, '\n'))
	err = cmp.Or(werr, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return "", fmt.Errorf("%w: keep sign-in: %v", retinue.ErrUnavailable, err)
	}
	return path, nil
}
