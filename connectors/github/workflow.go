package github

import (
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector/entry"
)

// maxSecrets is how many secrets of a job are named; an event has no room for
// more touches.
const maxSecrets = retinue.MaxEventTouches - 1

// run says which workflow ran. Who is named as actor started it; the job itself
// and what it is given is the workflow's own.
func (r *record) run() {
	verb, ok := strings.CutPrefix(r.action, "workflows.")
	if !ok {
		return
	}
	pipeline := r.pipeline()
	r.ev.Origin.Run = r.ID("workflow_run_id", "run_id")
	switch verb {
	case "prepared_workflow_job":
		r.asPipeline(pipeline)
		for i, name := range r.Texts("secrets_passed") {
			if i == maxSecrets {
				break
			}
			r.ev.Action = "secrets:read"
			r.touch(retinue.TouchRead, r.secret(r.repo, name))
		}
	case "completed_workflow_run":
		r.asPipeline(pipeline)
		r.conclude()
	case "created_workflow_run", "rerun_workflow_run", "approve_workflow_job":
		r.touch(retinue.TouchRun, pipeline)
	case "disable_workflow":
		r.touch(retinue.TouchDisable, pipeline)
	case "enable_workflow":
		r.touch(retinue.TouchEnable, pipeline)
	}
}

// asPipeline makes the workflow the one that acted, through whoever started it.
func (r *record) asPipeline(pipeline retinue.Ref) {
	if pipeline.IsZero() {
		return
	}
	if !r.ev.Identity.IsZero() {
		r.ev.Via = append([]retinue.Ref{r.ev.Identity}, r.ev.Via...)
	}
	r.ev.Identity, r.ev.Person, r.ev.OnBehalfOf = pipeline, false, retinue.Ref{}
	r.ev.Origin.Workload = pipeline
	// The entry's address and agent are of whoever started the run.
	r.ev.Credential, r.ev.Joins, r.ev.Fingerprints = retinue.Ref{}, nil, nil
}

func (r *record) conclude() {
	switch c := r.Text("conclusion"); c {
	case "success", "neutral":
	case "":
		r.ev.Outcome = retinue.OutcomeUnknown
	default:
		r.ev.Outcome, r.ev.Reason = retinue.OutcomeError, c
	}
}

// pipeline names the workflow by its file where the entry says that, else by its
// name, else by its number.
func (r *record) pipeline() retinue.Ref {
	// The last caller is the workflow that the event started; the job's own may be
	// a reusable one.
	refs := r.Texts("calling_workflow_refs")
	if own := r.Text("job_workflow_ref", "workflow_ref"); len(refs) == 0 && own != "" {
		refs = []string{own}
	}
	if len(refs) > 0 {
		file, _, _ := strings.Cut(refs[len(refs)-1], "@")
		if owner, rest, ok := strings.Cut(file, "/"); ok {
			if repo, path, ok := strings.Cut(rest, "/"); ok {
				return entry.Ref(r.gitRealm(owner+"/"+repo), "pipeline", path)
			}
		}
	}
	if path := r.Text("workflow_path", "path"); strings.HasPrefix(path, ".github/") {
		return entry.Ref(r.gitRealm(r.repo), "pipeline", path)
	}
	if name := r.Text("name", "workflow_name"); name != "" {
		return entry.Ref(r.gitRealm(r.repo), "pipeline_name", name)
	}
	return entry.Ref(r.gitRealm(r.repo), "pipeline_id", r.ID("workflow_id"))
}

// secret names a secret of Actions as the repository connector does.
func (r *record) secret(repo, name string) retinue.Ref {
	return entry.Ref(r.gitRealm(repo), "named_secret", "github_actions:"+name)
}
