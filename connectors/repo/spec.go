package repo

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/secrets"
)

// kind is the word of the command line.
const kind = "repo"

// defaultMaxFile is the largest file that is scanned unless the option says
// otherwise, in bytes.
const defaultMaxFile = 5 << 20

// The names of the options.
const (
	optHistory  = "history"
	optCommits  = "commits"
	optBaseline = "baseline"
	optRules    = "rules"
	optVerify   = "verify"
	optMaxFile  = "max-file-size"
	optRoot     = "root"
)

// Spec describes the connector.
func Spec() connector.Spec {
	return connector.Spec{
		Kind:    kind,
		Title:   "Git repository or folder",
		Summary: "Secret values in the work tree and the whole history, pipelines as identities, identities that code declares, and evidence for ownership.",
		Target: []connector.TargetForm{
			{Form: "PATH", Help: "a repository, a linked work tree, a bare repository or a folder outside git"},
			{Form: "PATH;PATH", Help: "several of them"},
		},
		Options: options(),
		Examples: []connector.TargetForm{
			{Form: "repo=.", Help: "the repository here, with its whole history"},
			{Form: "repo=.,history=no", Help: "only what stands in the work tree"},
			{Form: "repo=.,commits=origin/main..HEAD", Help: "only what these commits add, for a pipeline"},
			{Form: "repo=.,baseline=leaks.json", Help: "only what the baseline does not hold"},
			{Form: "repo=~/src/pay;~/src/web,rules=rules.toml", Help: "two repositories, with rules of your own"},
		},
		Privileges: []connector.Document{{
			Title: "Read access to the files, nothing else", Language: "sh",
			Body: "# The connector runs no git program and writes nothing. A full clone is enough:\ngit clone https://git.example.com/team/project.git\n# For a service that scans, a mirror that it cannot push to:\ngit clone --mirror https://git.example.com/team/project.git\n",
		}},
		Sees: []string{
			"Secret values by gitleaks' rules, Retinue's own and yours, in files of the work tree, uncommitted ones and ignored .env files included, and in every commit of every reference.",
			"For each value: the commit, author, file and line that brought it in, whether the head still has it there, and what it says about itself (AWS key id and account, issuer and subject of a token, hash of a key's public half, checksum, expiry).",
			"Pipelines of GitHub Actions, GitLab CI, Jenkins, CircleCI, Azure Pipelines and Bitbucket: permissions of their token, secrets they name, OIDC, self-hosted runners, third-party actions not pinned to a commit, pull_request_target with secrets.",
			"Identities declared in Kubernetes manifests, Helm values, Terraform, CloudFormation and Compose files.",
			"CODEOWNERS and the authors of the files that declare identities.",
		},
		BlindSpots: []string{
			"Content of Git LFS objects, submodules and alternates: each is counted and said.",
			"Binary files and files above the size limit.",
			"Commits that no reference reaches, and everything before the boundary of a shallow clone.",
			"Secrets kept in the settings of the forge, and who may change them; a forge's own connector sees those.",
			"Templates are read as text: what Helm or Terraform would compute is not computed.",
		},
		CouldRead: []string{"Read access to a repository is access to all its content and history, which the connector keeps nothing of but findings."},
		Open:      open,
	}
}

func options() []connector.Option {
	return []connector.Option{
		{Name: optHistory, Help: "scan the commits of all references", Default: "yes", Values: []string{"yes", "no"}, Reach: connector.ReachSystem},
		{Name: optCommits, Help: "A..B: judge only what the commits of B that A does not have add", Default: "everything", Reach: connector.ReachSystem},
		{Name: optBaseline, Help: "a report of gitleaks (JSON) or a SARIF file: judge only what it does not hold", Default: "none", Reach: connector.ReachMachine},
		{Name: optRules, Help: "rule files in gitleaks' TOML format, laid over the built-in rules", Default: "none", List: true, Reach: connector.ReachMachine},
		{Name: optVerify, Help: "ask the issuer of each token that is found, by one read-only call, whether it works; every call is noted", Default: "no", Values: []string{"yes", "no"}, Reach: connector.ReachSystem},
		{Name: optMaxFile, Help: "the largest file that is scanned, in bytes or with K or M", Default: "5M", Reach: connector.ReachSystem},
		{Name: optRoot, Help: "the root commit, for a shallow clone, so that it is the same repository as a full one", Default: "read from the history", Reach: connector.ReachSystem},
	}
}

// settings are the options, parsed.
type settings struct {
	paths    []string
	history  bool
	commits  string
	baseline *baseline
	verify   bool
	maxFile  int64
	root     string
	scanner  *secrets.Scanner
}

// open makes the connector. It reads the rule files and the baseline, and not
// yet the repositories.
func open(_ context.Context, cfg connector.Config, env connector.Env) (connector.Connector, error) {
	s := settings{
		history: cfg.Option(optHistory, "yes") == "yes",
		verify:  cfg.Option(optVerify, "no") == "yes",
		commits: cfg.Option(optCommits, ""),
		root:    cfg.Option(optRoot, ""),
	}
	for p := range strings.SplitSeq(cfg.Target, ";") {
		if p = expandHome(strings.TrimSpace(p), env); p != "" {
			s.paths = append(s.paths, p)
		}
	}
	if len(s.paths) == 0 {
		return nil, fmt.Errorf("%w: open repo: no path is given", retinue.ErrInvalid)
	}
	if s.commits != "" && !strings.Contains(s.commits, "..") {
		return nil, fmt.Errorf("%w: open repo: option %s=%q: want A..B", retinue.ErrInvalid, optCommits, s.commits)
	}
	if s.root != "" && !isHash(s.root) {
		return nil, fmt.Errorf("%w: open repo: option %s: want the 40 or 64 digits of a commit", retinue.ErrInvalid, optRoot)
	}
	var err error
	if s.maxFile, err = parseSize(cfg.Option(optMaxFile, "")); err != nil {
		return nil, fmt.Errorf("open repo: option %s: %w", optMaxFile, err)
	}
	if s.scanner, err = loadScanner(cfg.List(optRules), env); err != nil {
		return nil, fmt.Errorf("open repo: %w", err)
	}
	if file := cfg.Option(optBaseline, ""); file != "" {
		if s.baseline, err = readBaseline(expandHome(file, env)); err != nil {
			return nil, fmt.Errorf("open repo: baseline %s: %w", file, err)
		}
	}
	return &Repo{settings: s, env: env, endpoints: vendorEndpoints(env)}, nil
}

func loadScanner(files []string, env connector.Env) (*secrets.Scanner, error) {
	var opts secrets.Options
	for _, name := range files {
		data, err := os.ReadFile(expandHome(name, env))
		if err != nil {
			return nil, fmt.Errorf("read rule file %s: %w", name, sentinel(err))
		}
		opts.Rules = append(opts.Rules, data)
	}
	return secrets.New(opts)
}

func expandHome(path string, env connector.Env) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home := env.Getenv("HOME"); home != "" {
			return home + "/" + rest
		}
	}
	return path
}

func isHash(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	return strings.Trim(strings.ToLower(s), "0123456789abcdef") == ""
}

func parseSize(s string) (int64, error) {
	if s == "" {
		return defaultMaxFile, nil
	}
	unit := int64(1)
	digits := strings.ToUpper(s)
	if d, ok := strings.CutSuffix(digits, "K"); ok {
		digits, unit = d, 1<<10
	} else if d, ok := strings.CutSuffix(digits, "M"); ok {
		digits, unit = d, 1<<20
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > 1<<30/unit {
		return 0, fmt.Errorf("%w: size %q: want a number of bytes up to 1024M, such as 5M", retinue.ErrInvalid, s)
	}
	return n * unit, nil
}
