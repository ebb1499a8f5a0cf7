package escalate

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/access/awsiam"
)

// Collector builds a State from the facts of AWS accounts, as their connector
// states them. The zero Collector is ready. It is used by one goroutine.
type Collector struct{ loader }

// Add takes a fact; those that play no part are passed over. Of several about
// one thing the first counts.
func (c *Collector) Add(f retinue.Fact) error {
	c.begin()
	c.take(f, rank{})
	return nil
}

func (c *Collector) begin() {
	if c.state == nil {
		c.loader = loader{
			state: &State{Principals: make(map[string]*Principal), Groups: make(map[string]*Group), Policies: make(map[string]*ManagedPolicy), Read: make(map[string]bool)},
			docs:  make(map[retinue.Ref]*awsiam.Policy), profiles: make(map[retinue.Ref][]string), containers: make(map[retinue.Ref]retinue.Ref),
			control: make(map[retinue.Ref][]retinue.Ref), computes: make(map[retinue.Ref]*Compute), levelled: make(map[string][]awsiam.Level),
			stated: newStated(),
		}
	}
}

// Facts are the types of fact that a Collector needs.
func Facts() []retinue.FactType {
	return []retinue.FactType{retinue.FactContainer, retinue.FactIdentity, retinue.FactGroup, retinue.FactPolicy,
		retinue.FactResource, retinue.FactMembership, retinue.FactAttachment}
}

// State returns the state of what was added. read names the scopes that were
// read whole, by their paths; they say of which kinds of things all are known.
// The Collector must not be used any more.
func (c *Collector) State(read []string) *State {
	c.begin()
	c.finish(read)
	s := c.state
	c.loader = loader{}
	return s
}

type loader struct {
	state       *State
	docs        map[retinue.Ref]*awsiam.Policy
	attachments []retinue.Attachment
	memberships []retinue.Membership
	resources   []retinue.Resource
	profiles    map[retinue.Ref][]string      // the roles of instance profiles
	containers  map[retinue.Ref]retinue.Ref   // parents
	control     map[retinue.Ref][]retinue.Ref // service control policies by container
	computes    map[retinue.Ref]*Compute
	levelled    map[string][]awsiam.Level // by account
	fresh       []Principal               // those that are not used yet
	stated
}

func (l *loader) take(f retinue.Fact, r rank) {
	switch f := f.(type) {
	case retinue.Identity:
		l.identity(f, r)
	case retinue.Group:
		l.state.Groups[f.Ref.Key] = &Group{ARN: f.Ref.Key, Ref: f.Ref}
	case retinue.Policy:
		l.policy(f)
	case retinue.Attachment:
		l.attachments = append(l.attachments, f)
	case retinue.Membership:
		l.memberships = append(l.memberships, f)
	case retinue.Resource:
		l.resources = append(l.resources, f)
	case retinue.Container:
		l.containers[f.Ref] = f.Parent
	}
}

// principal reports whether an identity is one that policies apply to.
func principal(kind retinue.IdentityKind, key []byte) bool {
	return (kind == retinue.IdentityRole || kind == retinue.IdentityUser) && bytes.HasPrefix(key, []byte("arn:"))
}

// identity returns the principal of an identity, which another fact may have
// stated better.
func (l *loader) identity(f retinue.Identity, r rank) *Principal {
	if !principal(f.Kind, []byte(f.Ref.Key)) {
		return nil
	}
	p := l.state.Principals[f.Ref.Key]
	if p == nil {
		const chunk = 64
		if len(l.fresh) == 0 {
			l.fresh = make([]Principal, chunk)
		}
		p, l.fresh = &l.fresh[0], l.fresh[1:]
		l.state.Principals[f.Ref.Key] = p
	} else if !p.rank.less(r) {
		return p
	}
	*p = Principal{ARN: f.Ref.Key, Ref: f.Ref, Account: account(f.Ref.Key), Role: f.Kind == retinue.IdentityRole, Tags: f.Labels, rank: r}
	return p
}

// account is the account in an ARN.
func account(arn string) string {
	for range 4 {
		_, rest, ok := strings.Cut(arn, ":")
		if !ok {
			return ""
		}
		arn = rest
	}
	id, _, ok := strings.Cut(arn, ":")
	if !ok {
		return ""
	}
	return id
}

func (l *loader) policy(f retinue.Policy) {
	if f.Language != retinue.LanguageAWSIAM || f.Document == "" || l.docs[f.Ref] != nil {
		return
	}
	p, ok := l.parse(f.Ref.Key, f.Document)
	if !ok {
		return
	}
	l.docs[f.Ref] = p
	others, _ := f.Attrs["otherDocuments"].(map[string]any)
	l.versions(f.Ref.Key, f.Managed, others, p)
}

// versions keeps a customer managed policy with its other versions.
func (l *loader) versions(arn string, managed retinue.Management, others map[string]any, p *awsiam.Policy) {
	if managed == retinue.ManagedByProvider || !strings.HasPrefix(arn, "arn:") || strings.Contains(arn, "#") {
		return
	}
	m := &ManagedPolicy{ARN: arn, Document: p}
	for version, text := range others {
		if text, ok := text.(string); ok {
			if p, ok := l.parse(arn+" version "+version, text); ok {
				if m.Others == nil {
					m.Others = make(map[string]*awsiam.Policy, len(others))
				}
				m.Others[version] = p
			}
		}
	}
	l.state.Policies[arn] = m
}

func (l *loader) parse(name, document string) (*awsiam.Policy, bool) {
	p, err := awsiam.ParseText(document)
	if err != nil {
		l.state.Gaps = append(l.state.Gaps, fmt.Sprintf("%s: %v", name, err))
		return nil, false
	}
	return p.Named(name), true
}

// finish joins what was taken.
func (l *loader) finish(read []string) {
	for _, m := range l.memberships {
		if p := l.state.Principals[m.Member.Key]; p != nil {
			p.Groups = append(p.Groups, m.Group.Key)
		}
	}
	l.things()
	l.linked()
	for _, at := range l.attachments {
		l.attach(at)
	}
	for _, p := range l.state.Principals {
		levels, ok := l.levelled[p.Account]
		if !ok {
			levels = l.levels(p.Account)
			l.levelled[p.Account] = levels
		}
		p.ServiceControl = levels
		slices.Sort(p.Groups)
		p.Groups = slices.Compact(p.Groups)
	}
	slices.SortFunc(l.state.Computes, func(a, b *Compute) int { return cmp.Compare(a.ARN, b.ARN) })
	if len(l.control) == 0 && !slices.ContainsFunc(read, func(path string) bool { return strings.HasPrefix(path, "organization") }) {
		l.state.Unread = append(l.state.Unread, awsiam.LayerServiceControl)
	}
	l.reads(read)
}

// reads notes which kinds of things were read whole. A Terraform state, or a
// list of resources, is taken as the whole of what runs.
func (l *loader) reads(read []string) {
	kinds := map[string][]string{
		"lambda-functions": {"lambda_function"}, "ec2-instances": {"ec2_instance"}, "ecs": {"ecs_task_definition", "ecs_service", "ecs_cluster"},
		"terraform": {"lambda_function", "ec2_instance", "ecs_task_definition", "ecs_cluster", "glue_dev_endpoint", "glue_job", "codebuild_project",
			"cloudformation_stack", "sagemaker_notebook_instance", "apprunner_service", "bedrockagentcore_code_interpreter"},
	}
	for _, path := range read {
		for part, list := range kinds {
			if slices.Contains(strings.Split(path, "/"), part) {
				for _, kind := range list {
					l.state.Read[kind] = true
				}
			}
		}
	}
}

// things finds what runs as a role. An instance runs as its profile, and that
// as a role.
func (l *loader) things() {
	for _, f := range l.resources {
		if f.Kind != "instance_profile" {
			continue
		}
		for _, ref := range f.RunsAs {
			l.profiles[f.Ref] = append(l.profiles[f.Ref], ref.Key)
			if p := l.state.Principals[ref.Key]; p != nil {
				p.Profile = true
			}
		}
	}
	for _, f := range l.resources {
		if f.Kind == "instance_profile" {
			continue
		}
		role := ""
		for _, ref := range f.RunsAs {
			if roles := l.profiles[ref]; len(roles) > 0 {
				role = roles[0]
			} else if role == "" {
				role = ref.Key
			}
		}
		c := &Compute{ARN: f.Ref.Key, Kind: f.Kind, Role: role, Tags: f.Labels}
		l.computes[f.Ref] = c
		l.state.Computes = append(l.state.Computes, c)
	}
}

func (l *loader) attach(at retinue.Attachment) {
	if at.Role == retinue.AttachServiceControl {
		l.control[at.Target] = append(l.control[at.Target], at.Policy)
		return
	}
	doc := l.doc(at.Policy)
	if c := l.computes[at.Target]; c != nil {
		if doc != nil && at.Role == retinue.AttachResource {
			c.Policy = append(c.Policy, doc)
		}
		return
	}
	if g := l.state.Groups[at.Target.Key]; g != nil {
		l.attachGroup(g, at.Policy.Key, doc)
		l.missing(at, doc)
		return
	}
	if p := l.state.Principals[at.Target.Key]; p != nil {
		l.missing(at, doc)
		l.attachTo(p, at.Role, at.Policy.Key, doc)
	}
}

// own reports whether a policy is a managed one of an account.
func own(policy string) bool {
	return !strings.Contains(policy, "#") && !strings.Contains(policy, ":iam::aws:")
}

func (l *loader) attachGroup(g *Group, policy string, doc *awsiam.Policy) {
	if own(policy) && !slices.Contains(g.Attached, policy) {
		g.Attached = append(g.Attached, policy)
	}
	if doc != nil && !slices.Contains(g.Policies, doc) {
		g.Policies = append(g.Policies, doc)
	}
}

func (l *loader) attachTo(p *Principal, role retinue.AttachmentRole, policy string, doc *awsiam.Policy) {
	switch role {
	case retinue.AttachIdentity:
		if own(policy) && !slices.Contains(p.Attached, policy) {
			p.Attached = append(p.Attached, policy)
		}
		if doc != nil && !slices.Contains(p.Own, doc) {
			p.Own = append(p.Own, doc)
		}
	case retinue.AttachBoundary:
		if doc == nil {
			doc = nothing // a boundary that is not known is taken to allow nothing
		}
		if !slices.Contains(p.Boundary, doc) {
			p.Boundary = append(p.Boundary, doc)
		}
	case retinue.AttachTrust:
		if doc != nil && !slices.Contains(p.Trust, doc) {
			p.Trust = append(p.Trust, doc)
		}
	}
}

var nothing = mustParse(`{"Version":"2012-10-17","Statement":[]}`)

func (l *loader) missing(at retinue.Attachment, doc *awsiam.Policy) {
	if doc == nil {
		l.state.Gaps = append(l.state.Gaps, fmt.Sprintf("the document of %s, attached to %s, was not read", at.Policy.Key, at.Target.Key))
	}
}

// levels are the service control policies from an organisation's root down to
// an account.
func (l *loader) levels(account string) []awsiam.Level {
	if len(l.control) == 0 {
		return nil
	}
	var out []awsiam.Level
	for ref := range l.containers {
		if ref.Key != account {
			continue
		}
		for at, depth := ref, 0; at != (retinue.Ref{}) && depth < 10; at, depth = l.containers[at], depth+1 {
			level := awsiam.Level{Name: at.Key}
			for _, policy := range l.control[at] {
				if doc := l.doc(policy); doc != nil {
					level.Policies = append(level.Policies, doc)
				}
			}
			if len(level.Policies) > 0 {
				out = append(out, level)
			}
		}
		break
	}
	slices.Reverse(out)
	return out
}
