package usage

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/internal/store"
)

// The kinds of consumer, from the surest way of knowing one to the weakest.
const (
	ConsumerPipeline    = "pipeline"    // the log names the pipeline
	ConsumerWorkload    = "workload"    // the log names a pod, instance or function
	ConsumerService     = "service"     // a service of the platform acted for somebody
	ConsumerHost        = "host"        // the log names a machine
	ConsumerApplication = "application" // the client named itself, from a network
	ConsumerNetwork     = "network"     // only address and user agent are known
	ConsumerUnknown     = "unknown"
)

// Network is a block of addresses with a name.
type Network struct {
	Prefix netip.Prefix
	Name   string
}

// Networks are the blocks that an installation knows. The narrowest that holds
// an address names it.
type Networks []Network

// block returns the name of an address's block: the installation's, else the
// block of 256 addresses (IPv4) or of a /48 (IPv6), which a site is given.
func (n Networks) block(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	a = a.Unmap()
	best := -1
	for i, x := range n {
		if x.Prefix.Contains(a) && (best < 0 || x.Prefix.Bits() > n[best].Prefix.Bits()) {
			best = i
		}
	}
	if best >= 0 {
		return n[best].Name
	}
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return a.String()
	}
	return p.String()
}

// consumer recognises what used a credential. The rules look at one event alone.
func (f *Folder) consumer(e *retinue.Event) store.Consumer {
	o := &e.Origin
	c := store.Consumer{Network: f.block(o.Address), Agent: f.family(o.Agent)}
	switch {
	case !o.Workload.IsZero():
		c.Kind, c.Workload = ConsumerWorkload, Workload(o.Workload)
		if strings.Contains(o.Workload.Kind, "pipeline") || strings.Contains(o.Workload.Kind, "workflow") {
			c.Kind = ConsumerPipeline
		}
		c.Name = c.Workload.Key
	case o.Service != "":
		c.Kind, c.Name = ConsumerService, o.Service
	case o.Host != "":
		c.Kind, c.Name = ConsumerHost, clean(o.Host)
	case o.Application != "":
		c.Kind, c.Name = ConsumerApplication, clean(generalName(o.Application))
	case c.Network != "" || c.Agent != "":
		c.Kind = ConsumerNetwork
		c.Name = strings.Trim(c.Agent+" from "+c.Network, " ")
		if c.Network == "" {
			c.Name = c.Agent
		} else if c.Agent == "" {
			c.Name = c.Network
		}
	default:
		c.Kind = ConsumerUnknown
	}
	return c
}

func clean(s string) string {
	if len(s) > 128 {
		s = s[:128]
	}
	return retinue.CleanName(strings.ToValidUTF8(s, ""))
}

// agents are the families of client programs, by how their user agents begin or
// what they hold. The first that fits counts.
var agents = []struct {
	family string
	holds  string
}{
	{"aws-console", "aws internal console"}, {"aws-console", "signin.amazonaws.com"}, {"aws-console", "console.amazonaws.com"}, {"aws-cli", "aws-cli/"},
	{"terraform", "terraform"}, {"opentofu", "opentofu"}, {"pulumi", "pulumi"}, {"ansible", "ansible"}, {"cloudformation", "cloudformation"},
	{"boto3", "boto3/"}, {"botocore", "botocore/"}, {"aws-sdk-go", "aws-sdk-go"}, {"aws-sdk-java", "aws-sdk-java"}, {"aws-sdk-js", "aws-sdk-js"},
	{"aws-sdk-js", "aws-sdk-nodejs"}, {"aws-sdk-rust", "aws-sdk-rust"}, {"aws-sdk-dotnet", "aws-sdk-dotnet"}, {"aws-sdk-php", "aws-sdk-php"}, {"aws-sdk-ruby", "aws-sdk-ruby"},
	{"kubectl", "kubectl/"}, {"k9s", "k9s"}, {"helm", "helm/"}, {"argocd", "argocd"}, {"kubelet", "kubelet/"}, {"kube-system", "kube-"}, {"gcloud", "google-cloud-sdk"},
	{"gcloud", "gcloud/"}, {"gsutil", "gsutil"}, {"google-api-client", "google-api-"}, {"google-cloud-client", "gccl/"}, {"azure-cli", "azurecli"}, {"azure-cli", "azure-cli"},
	{"azure-powershell", "azurepowershell"}, {"azure-sdk", "azsdk-"}, {"psql", "psql"}, {"dbeaver", "dbeaver"}, {"datagrip", "datagrip"}, {"pgadmin", "pgadmin"},
	{"git", "git/"}, {"gh", "github cli"}, {"curl", "curl/"}, {"wget", "wget/"}, {"postman", "postmanruntime"}, {"insomnia", "insomnia"}, {"powershell", "powershell"},
	{"vault", "vault/"}, {"openssh", "openssh"}, {"browser", "mozilla/"}, {"python", "python-requests"}, {"python", "python-urllib"}, {"python", "aiohttp"}, {"python", "python/"},
	{"okhttp", "okhttp"}, {"java", "java/"}, {"node", "node"}, {"axios", "axios"}, {"go", "go-http-client"},
}

// interactiveAgents are the families that people use at a keyboard.
var interactiveAgents = []string{"aws-console", "aws-cli", "kubectl", "k9s", "gcloud", "gsutil", "azure-cli", "azure-powershell", "psql", "dbeaver", "datagrip",
	"pgadmin", "gh", "postman", "insomnia", "powershell", "browser"}

// InteractiveAgent reports whether people use such a client program at a
// keyboard. Programs use some of them too: it is a sign and no proof.
func InteractiveAgent(family string) bool { return slices.Contains(interactiveAgents, family) }

// InteractiveAgents lists the client programs of which InteractiveAgent is true.
func InteractiveAgents() []string { return slices.Clone(interactiveAgents) }

// AgentFamily is the family of a client program by its user agent: a name that
// stays when its version changes. An agent of no known family is named by its
// first word without the version.
func AgentFamily(agent string) string {
	if agent == "" {
		return ""
	}
	low := strings.ToLower(agent)
	for _, a := range agents {
		if strings.Contains(low, a.holds) {
			return a.family
		}
	}
	first := strings.TrimLeft(low, "[( ")
	if i := strings.IndexAny(first, "/ ()[];,"); i >= 0 {
		first = first[:i]
	}
	if len(first) > 40 {
		first = first[:40]
	}
	return clean(generalName(first))
}

// Workload is what a workload is called without what changes from one instance
// to the next: the pods of a deployment are one.
func Workload(r retinue.Ref) retinue.Ref {
	switch r.Kind {
	case "pod":
		r.Key = generalName(r.Key)
	case "instance": // each is a machine of its own
	}
	return r
}

// passing are the services of AWS whose resources come and go with the work that
// is done: machines, tasks, executions. Those of others keep their names: a key
// or a role is one thing for years.
var passing = []string{"ec2", "ecs", "states", "batch", "autoscaling", "elasticmapreduce", "codebuild", "glue", "athena", "sagemaker", "transcribe", "ssm-sessions"}

// Resource is what a resource is called without what changes from call to call.
// An object in a bucket is its bucket's, up to its first folder; a log stream is
// its group's; a number, hash or UUID in a name stands for any.
func Resource(r retinue.Ref) retinue.Ref {
	if r.IsZero() {
		return r
	}
	switch {
	case strings.HasPrefix(r.Key, "arn:aws:s3:::"), strings.HasPrefix(r.Key, "arn:aws-us-gov:s3:::"), strings.HasPrefix(r.Key, "arn:aws-cn:s3:::"):
		prefix, rest, _ := strings.Cut(r.Key, ":::")
		bucket, key, ok := strings.Cut(rest, "/")
		if !ok {
			return r
		}
		if folder, _, deeper := strings.Cut(key, "/"); deeper {
			r.Key = prefix + ":::" + bucket + "/" + generalName(folder) + "/*"
		} else {
			r.Key = prefix + ":::" + bucket + "/*"
		}
	case strings.Contains(r.Key, ":log-group:"):
		if i := strings.Index(r.Key, ":log-stream:"); i >= 0 {
			r.Key = r.Key[:i+len(":log-stream:")] + "*"
		}
	case r.Kind == "object" && strings.Contains(r.Key, "/objects/"):
		i := strings.Index(r.Key, "/objects/")
		r.Key = r.Key[:i] + "/objects/*"
	case strings.HasPrefix(r.Key, "arn:"):
		parts := strings.SplitN(r.Key, ":", 6)
		if len(parts) == 6 && slices.Contains(passing, parts[2]) {
			parts[5] = generalName(parts[5])
			r.Key = strings.Join(parts, ":")
		}
	case strings.HasPrefix(string(r.Realm), "kubernetes:"):
		r.Key = generalName(r.Key)
	case len(r.Key) > 256:
		r.Key = fmt.Sprintf("%s…", strings.ToValidUTF8(r.Key[:256], ""))
	}
	return r
}
