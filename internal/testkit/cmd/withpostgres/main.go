// Command withpostgres runs a command with a PostgreSQL test server, whose
// superuser URL it puts into RETINUE_TEST_POSTGRES:
//
//	go run ./internal/testkit/cmd/withpostgres -- go test ./...
//
// All test processes of the command share the server, which ends with it. The
// exit code is the command's; interrupts are forwarded. Where no server program
// is installed, the command runs without one and its tests skip, or this fails
// with RETINUE_REQUIRE_ALL=1.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/retinue-id/retinue/internal/testkit"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: withpostgres [--] command [argument ...]")
		os.Exit(2)
	}
	code, err := run(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "withpostgres:", err)
	}
	os.Exit(code)
}

func run(args []string) (int, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = os.Environ()
	if os.Getenv(testkit.PostgresEnv) == "" {
		s, err := testkit.StartPostgres(testkit.PostgresConfig{})
		switch {
		case err == nil:
			defer s.Stop()
			cmd.Env = append(cmd.Env, testkit.PostgresEnv+"="+s.URL())
		case errors.Is(err, testkit.ErrNoPostgres) && os.Getenv(testkit.RequireAllEnv) != "1":
			fmt.Fprintln(os.Stderr, "withpostgres: running without a server:", err)
		default:
			return 1, err
		}
	}
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			_ = cmd.Process.Signal(s)
		case err := <-done:
			if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
				return 1, err
			}
			return exitCode(cmd.ProcessState), nil
		}
	}
}

// exitCode is the code of the process, or 128 and the number of the signal that
// ended it, as a shell reports it.
func exitCode(p *os.ProcessState) int {
	if ws, ok := p.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return p.ExitCode()
}
