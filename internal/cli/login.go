package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/client"
	"github.com/retinue-id/retinue/internal/app"
)

func (e *env) loginCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "login [SERVER]",
		Short: "Sign in at a server by approving this machine in the browser",
		Long: `Login prints a link and a code. Open the link in a browser where you are signed
in, compare the code and approve. The token is kept in your configuration folder
with mode 0600, is yours alone, ends by itself, and can be revoked in the
console under your sessions. Afterwards commands speak to the server with
--server or RETINUE_SERVER.`,
		Example: "  retinue login https://retinue.example.com\n  retinue --server https://retinue.example.com findings list",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			address := e.address()
			if len(args) == 1 {
				address = args[0]
			}
			if address == "" {
				return usageError{errors.New("name the server: retinue login https://retinue.example.com")}
			}
			return e.login(cmd.Context(), address)
		},
	}
}

func (e *env) login(ctx context.Context, address string) error {
	c, err := client.New(address, client.Options{UserAgent: "retinue/" + app.Version})
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "a command line"
	}
	d, err := c.StartDevice(ctx, "retinue on "+host)
	if err != nil {
		return err
	}
	e.say("Open %s\nand approve the code  %s", d.VerificationURI, d.UserCode)
	a, err := c.AwaitDevice(ctx, d)
	if err != nil {
		return err
	}
	path, err := e.writeLogin(address, signIn{Token: a.Token.Reveal(), ID: a.ID})
	if err != nil {
		return err
	}
	c, err = client.New(address, client.Options{Token: a.Token, UserAgent: "retinue/" + app.Version})
	if err != nil {
		return err
	}
	me, err := c.Me(ctx)
	if err != nil {
		return err
	}
	e.say("signed in as %s until %s; the token is in %s", retinue.CleanName(me.Name), day(a.ExpiresAt), path)
	return nil
}

func (e *env) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "logout [SERVER]",
		Short: "Revoke the token of this machine at a server, and forget it",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				e.server = args[0]
			}
			if e.address() == "" {
				return usageError{errors.New("name the server: retinue logout https://retinue.example.com")}
			}
			c, err := e.connect()
			if err != nil {
				return err
			}
			all, err := e.readLogins()
			if err != nil {
				return err
			}
			// A token that is no longer good is forgotten all the same.
			err = c.RevokeToken(cmd.Context(), all[e.address()].ID)
			if err != nil && !errors.Is(err, retinue.ErrDenied) && !errors.Is(err, retinue.ErrNotFound) {
				return fmt.Errorf("the token was not revoked and is kept: %w", err)
			}
			if _, err := e.writeLogin(e.address(), signIn{}); err != nil {
				return err
			}
			e.say("signed out of %s", e.address())
			return nil
		},
	}
}

func (e *env) whoamiCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "whoami",
		Short: "Show as whom commands speak to a server, and with which roles",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !e.remote() {
				return usageError{errors.New("whoami asks a server: give --server, or set RETINUE_SERVER")}
			}
			c, err := e.connect()
			if err != nil {
				return err
			}
			me, err := c.Me(cmd.Context())
			if err != nil {
				return err
			}
			if format == "json" {
				return e.json(me)
			}
			e.printf("%s at %s (%s)\n", retinue.CleanName(me.Name), c.Address(), me.Kind)
			for _, r := range me.Roles {
				e.printf("  %s\n", r.Role)
			}
			return nil
		},
	}
	c.Flags().StringVar(&format, "format", "text", "text or json")
	return c
}
