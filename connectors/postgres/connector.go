package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// Kind is the kind of this connector.
const Kind = "postgres"

// open makes the connector that the target asks for.
func open(_ context.Context, cfg connector.Config, env connector.Env) (connector.Connector, error) {
	opt, err := parseOptions(cfg)
	if err != nil {
		return nil, err
	}
	if !cfg.Remote && isFileTarget(cfg.Target) {
		return &fileConnector{target: cfg.Target, opt: opt, env: env}, nil
	}
	return openLive(cfg, opt, env)
}

// options are the settings beside the target.
type options struct {
	all        bool
	databases  []string
	identifier string
	database   string
	partial    bool
	timeout    time.Duration
}

// defaultTimeout bounds one statement.
const defaultTimeout = 60 * time.Second

func parseOptions(cfg connector.Config) (options, error) {
	o := options{timeout: defaultTimeout, identifier: strings.TrimSpace(cfg.Option("system-identifier", "")),
		database: cfg.Option("database", ""), partial: cfg.Option("partial", "no") == "yes"}
	for _, d := range cfg.List("databases") {
		if d == "all" {
			o.all = true
			continue
		}
		o.databases = append(o.databases, d)
	}
	if o.all && len(o.databases) > 0 {
		return o, fmt.Errorf("%w: option databases: give all, or names", retinue.ErrInvalid)
	}
	if o.identifier != "" {
		if _, err := strconv.ParseUint(o.identifier, 10, 64); err != nil {
			return o, fmt.Errorf("%w: option system-identifier=%q: want the decimal number that `select system_identifier from pg_control_system()` prints", retinue.ErrInvalid, retinue.CleanName(o.identifier))
		}
	}
	if s := cfg.Option("timeout", ""); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil || d < time.Millisecond || d > time.Hour {
			return o, fmt.Errorf("%w: option timeout=%q: want a duration between 1ms and 1h, such as 60s", retinue.ErrInvalid, retinue.CleanName(s))
		}
		o.timeout = d
	}
	return o, nil
}
