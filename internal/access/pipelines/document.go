package pipelines

import (
	"encoding/json"
	"fmt"

	"github.com/retinue-id/retinue"
)

// The systems that definitions are about.
const (
	systemGitHub = "github_actions"
	systemGitLab = "gitlab_ci"
)

// Definition is a document in the language retinue.LanguagePipeline: what
// starts a pipeline, and what its jobs may do.
type Definition struct {
	System string `json:"system"`
	// Repository is the address of the repository, host and path; empty where
	// it has no remote.
	Repository string    `json:"repository"`
	File       string    `json:"file"`
	Name       string    `json:"name"`
	Triggers   []Trigger `json:"triggers"`
	// Permissions are those of jobs that declare none; nil where the file
	// declares none either, and the repository's settings decide.
	Permissions *Permissions `json:"permissions"`
	Jobs        []Job        `json:"jobs"`
	// Includes says that other files add jobs, Truncated that some of the
	// file's own were left out.
	Includes  bool `json:"includes"`
	Truncated bool `json:"truncated"`
}

// Trigger is an event that starts a pipeline, with its filters as written.
type Trigger struct {
	Event          string   `json:"event"`
	Branches       []string `json:"branches"`
	BranchesIgnore []string `json:"branchesIgnore"`
	Tags           []string `json:"tags"`
	TagsIgnore     []string `json:"tagsIgnore"`
	Types          []string `json:"types"`
}

// Permissions are those of a token: one word for all scopes, or scope by scope.
type Permissions struct {
	All    string            `json:"all"`
	Scopes map[string]string `json:"scopes"`
}

// Job is one job of a pipeline.
type Job struct {
	Name        string       `json:"name"`
	Conditional bool         `json:"conditional"`
	Environment string       `json:"environment"`
	Permissions *Permissions `json:"permissions"`
	Runners     []string     `json:"runners"`
	SelfHosted  bool         `json:"selfHosted"`
	// Uses is the workflow that it calls in place of steps.
	Uses     string    `json:"uses"`
	IDTokens []IDToken `json:"idTokens"`
	// Roles are roles of AWS that it asks for, by ARN.
	Roles []string `json:"roles"`
}

// IDToken is a token that GitLab makes for a job.
type IDToken struct {
	Name      string   `json:"name"`
	Audiences []string `json:"audiences"`
}

// The bounds of a definition.
const (
	maxDefinition = 4 << 20
	maxJobs       = 2000
	maxTriggers   = 500
)

// Parse reads a definition. Errors wrap retinue.ErrInvalid.
func Parse(document string) (*Definition, error) {
	if len(document) > maxDefinition {
		return nil, fmt.Errorf("%w: a definition of %d bytes: the limit is %d", retinue.ErrInvalid, len(document), maxDefinition)
	}
	var d Definition
	if err := json.Unmarshal([]byte(document), &d); err != nil {
		return nil, fmt.Errorf("%w: read the definition of a pipeline: %s", retinue.ErrInvalid, retinue.CleanName(err.Error()))
	}
	if d.System != systemGitHub && d.System != systemGitLab {
		return nil, fmt.Errorf("%w: the definition of a pipeline of the system %q", retinue.ErrUnsupported, retinue.CleanName(d.System))
	}
	if len(d.Jobs) > maxJobs || len(d.Triggers) > maxTriggers {
		return nil, fmt.Errorf("%w: a definition of %d jobs and %d triggers: the limits are %d and %d", retinue.ErrInvalid,
			len(d.Jobs), len(d.Triggers), maxJobs, maxTriggers)
	}
	return &d, nil
}
