package aws

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/retinue-id/retinue"
)

type taskDefinition struct {
	TaskDefinitionArn, Family, TaskRoleArn, ExecutionRoleArn, NetworkMode, Status string
	ContainerDefinitions                                                          []containerDefinition
}

type containerDefinition struct {
	Name        string
	Image       string
	Environment []struct{ Name, Value string }
	Secrets     []struct{ Name, ValueFrom string }
}

// readECS states the latest active revision of every task definition family,
// the services of every cluster, and the revisions that these run.
func (r *regionReader) readECS(ctx context.Context, w *scopeWriter) error {
	families, err := r.list(ctx, w, opTaskFamilies, "families")
	if err != nil {
		return err
	}
	running, err := r.ecsServices(ctx, w)
	if err != nil {
		return err
	}
	tasks := map[string]taskDefinition{}
	take := func(_ string, page io.Reader) error {
		var p struct{ TaskDefinition taskDefinition }
		if err := one(page, &p); err != nil {
			return err
		}
		tasks[p.TaskDefinition.TaskDefinitionArn] = p.TaskDefinition
		return w.emit(r.taskFacts(p.TaskDefinition)...)
	}
	if err := r.each(ctx, w, families, opTask, take); err != nil {
		return err
	}
	var older []string
	for _, s := range running {
		if _, ok := tasks[s.TaskDefinition]; !ok && s.TaskDefinition != "" && !slices.Contains(older, s.TaskDefinition) {
			older = append(older, s.TaskDefinition)
		}
	}
	if err := r.each(ctx, w, older, opTask, take); err != nil {
		return err
	}
	for _, s := range running {
		t := tasks[s.TaskDefinition]
		f := resource("ecs_service", s.ServiceArn, r.account, r.region, s.ServiceName)
		f.CreatedAt, f.Labels, f.RunsAs = s.CreatedAt.Time, s.Tags.labels(), roleRefs(r.account, t.TaskRoleArn, t.ExecutionRoleArn)
		f.Attrs = attrs("cluster", s.ClusterArn, "taskDefinition", s.TaskDefinition)
		if err := w.emit(f); err != nil {
			return err
		}
	}
	return nil
}

// ecsServices gathers the services of every cluster.
func (r *regionReader) ecsServices(ctx context.Context, w *scopeWriter) ([]ecsService, error) {
	clusters, err := r.list(ctx, w, opClusters, "clusterArns")
	if err != nil {
		return nil, err
	}
	var names []string
	err = r.each(ctx, w, clusters, opServices, func(cluster string, page io.Reader) error {
		return listOf(page, "serviceArns", func(s string) error {
			names = append(names, cluster+subjectSeparator+s)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	var out []ecsService
	err = r.each(ctx, w, names, opService, func(_ string, page io.Reader) error {
		return listOf(page, "services", func(s ecsService) error {
			out = append(out, s)
			return nil
		})
	})
	return out, err
}

type ecsService struct {
	ServiceArn, ServiceName, ClusterArn, TaskDefinition string
	CreatedAt                                           moment
	Tags                                                tags
}

// taskFacts states a task definition. Its containers act as the task role; the
// execution role pulls the image and fetches the secrets.
func (a *accountReader) taskFacts(t taskDefinition) []retinue.Fact {
	if t.TaskDefinitionArn == "" {
		return nil
	}
	f := resource("ecs_task_definition", t.TaskDefinitionArn, a.account, "", t.Family)
	f.RunsAs = roleRefs(a.account, t.TaskRoleArn, t.ExecutionRoleArn)
	var images []string
	for _, c := range t.ContainerDefinitions {
		images = append(images, c.Image)
	}
	f.Attrs = attrs("taskRole", t.TaskRoleArn, "executionRole", t.ExecutionRoleArn, "networkMode", t.NetworkMode, "images", images)
	facts := []retinue.Fact{f}
	for _, c := range t.ContainerDefinitions {
		vars := map[string]string{}
		for _, e := range c.Environment {
			vars[e.Name] = e.Value
		}
		facts = append(facts, a.variableFacts(f, "containerDefinitions/"+c.Name, vars)...)
		for _, s := range c.Secrets {
			if s.ValueFrom == "" || !strings.HasPrefix(s.ValueFrom, "arn:") {
				continue
			}
			facts = append(facts, retinue.Placement{Credential: refTo("secret", secretARN(s.ValueFrom), a.account), Consumer: f.Ref, Reference: true,
				Place: retinue.Place{Kind: retinue.PlaceCloudConfig, Realm: a.realm(), Container: accountRef(a.account),
					Path: f.Ref.Key, Field: retinue.CleanName("containerDefinitions/" + c.Name + "/secrets/" + s.Name)}})
		}
	}
	return facts
}

// secretARN cuts the selectors (JSON key, version) that a reference to a secret
// may carry behind its ARN.
func secretARN(s string) string {
	p := strings.SplitN(s, ":", 8)
	if len(p) == 8 && p[2] == "secretsmanager" {
		return strings.Join(p[:7], ":")
	}
	return s
}

// readEKS states clusters, which Kubernetes service accounts may act as which
// role (pod identity), and which principals may enter a cluster.
func (r *regionReader) readEKS(ctx context.Context, w *scopeWriter) error {
	names, err := r.list(ctx, w, opEKSClusters, "clusters")
	if err != nil {
		return err
	}
	clusters := map[string]eksCluster{}
	err = r.each(ctx, w, names, opEKSCluster, func(name string, page io.Reader) error {
		var p struct{ Cluster eksCluster }
		if err := one(page, &p); err != nil {
			return err
		}
		clusters[name] = p.Cluster
		f := resource("eks_cluster", p.Cluster.Arn, r.account, r.region, p.Cluster.Name)
		f.RunsAs, f.CreatedAt, f.Labels = roleRefs(r.account, p.Cluster.RoleArn), p.Cluster.CreatedAt.Time, p.Cluster.Tags.labels()
		f.Attrs = attrs("issuer", p.Cluster.Identity.Oidc.Issuer, "version", p.Cluster.Version,
			"authenticationMode", p.Cluster.AccessConfig.AuthenticationMode)
		return w.emit(f)
	})
	if err != nil {
		return err
	}
	if err := r.readPodIdentities(ctx, w, names, clusters); err != nil {
		return err
	}
	return r.readAccessEntries(ctx, w, names, clusters)
}

type eksCluster struct {
	Name, Arn, RoleArn, Version string
	CreatedAt                   moment
	Tags                        tags
	Identity                    struct{ Oidc struct{ Issuer string } }
	AccessConfig                struct{ AuthenticationMode string }
}

func (r *regionReader) readPodIdentities(ctx context.Context, w *scopeWriter, names []string, clusters map[string]eksCluster) error {
	var ids []string
	err := r.each(ctx, w, names, opPodList, func(name string, page io.Reader) error {
		return listOf(page, "associations", func(p struct{ AssociationId string }) error { //nolint:revive // the vendor's spelling
			ids = append(ids, name+subjectSeparator+p.AssociationId)
			return nil
		})
	})
	if err != nil {
		return err
	}
	return r.each(ctx, w, ids, opPod, func(subject string, page io.Reader) error {
		var p struct {
			Association struct{ AssociationArn, ClusterName, Namespace, ServiceAccount, RoleArn, TargetRoleArn string }
		}
		if err := one(page, &p); err != nil {
			return err
		}
		a := p.Association
		cluster := clusters[call{subject: subject}.args(2)[0]]
		assoc := resource("eks_pod_identity_association", a.AssociationArn, r.account, r.region, a.Namespace+"/"+a.ServiceAccount)
		assoc.RunsAs = roleRefs(r.account, a.RoleArn, a.TargetRoleArn)
		assoc.Attrs = attrs("cluster", cluster.Arn, "namespace", a.Namespace, "serviceAccount", a.ServiceAccount)
		facts := []retinue.Fact{assoc}
		for _, role := range assoc.RunsAs {
			facts = append(facts, retinue.Trust{Subject: role, Kind: retinue.TrusteeFederated, Via: assoc.Ref, OrganizationKnown: true,
				Name: "EKS pod identity of cluster " + retinue.CleanName(a.ClusterName),
				Federation: &retinue.Federation{Issuer: retinue.CleanName(cluster.Identity.Oidc.Issuer),
					Subject: retinue.CleanName("system:serviceaccount:" + a.Namespace + ":" + a.ServiceAccount)}})
		}
		return w.emit(facts...)
	})
}

func (r *regionReader) readAccessEntries(ctx context.Context, w *scopeWriter, names []string, clusters map[string]eksCluster) error {
	var entries []string
	err := r.each(ctx, w, names, opEntryList, func(name string, page io.Reader) error {
		return listOf(page, "accessEntries", func(principal string) error {
			entries = append(entries, name+subjectSeparator+principal)
			return nil
		})
	})
	if err != nil {
		return err
	}
	privileges, err := r.entryPrivileges(ctx, w, entries)
	if err != nil {
		return err
	}
	for _, subject := range entries {
		args := call{subject: subject}.args(2)
		principal, ok := principalRef(args[1])
		if !ok {
			continue
		}
		g := retinue.Grant{Subject: principal, Privileges: privileges[subject], Resource: refTo("eks_cluster", clusters[args[0]].Arn, r.account)}
		if len(g.Privileges) == 0 {
			g.Privileges = []string{"authenticate"}
		}
		slices.Sort(g.Privileges)
		if g.Resource.IsZero() {
			g.ResourceName = retinue.CleanName(args[0])
		}
		if err := w.emit(g); err != nil {
			return err
		}
	}
	return nil
}

// entryPrivileges gathers what each access entry gives: Kubernetes groups,
// access policies, and what its type implies.
func (r *regionReader) entryPrivileges(ctx context.Context, w *scopeWriter, entries []string) (map[string][]string, error) {
	out := map[string][]string{}
	add := func(subject, text string) { out[subject] = append(out[subject], retinue.CleanName(text)) }
	err := r.each(ctx, w, entries, opEntry, func(subject string, page io.Reader) error {
		var p struct {
			AccessEntry struct {
				Type             string
				KubernetesGroups []string
			}
		}
		if err := one(page, &p); err != nil {
			return err
		}
		for _, g := range p.AccessEntry.KubernetesGroups {
			add(subject, "group:"+g)
		}
		if t := p.AccessEntry.Type; t != "" && t != "STANDARD" {
			add(subject, "type:"+t)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	type associated struct {
		PolicyArn   string
		AccessScope struct {
			Type       string
			Namespaces []string
		}
	}
	return out, r.each(ctx, w, entries, opEntryPolicy, func(subject string, page io.Reader) error {
		return listOf(page, "associatedAccessPolicies", func(p associated) error {
			text := "policy:" + lastPart(p.PolicyArn)
			if p.AccessScope.Type == "namespace" {
				text += " in " + strings.Join(p.AccessScope.Namespaces, ",")
			}
			add(subject, text)
			return nil
		})
	})
}

// anchorFacts states a trust anchor of IAM Roles Anywhere and the certificate
// authority that it trusts: whoever can sign with that authority can act as the
// roles of the profiles.
func (r *regionReader) anchorFacts(t trustAnchor) []retinue.Fact {
	var data struct{ X509CertificateData, AcmPcaArn, Value string }
	_ = json.Unmarshal(t.Source.SourceData, &data) // an unknown kind of source has neither
	f := resource("roles_anywhere_trust_anchor", t.TrustAnchorArn, r.account, r.region, t.Name)
	f.CreatedAt = t.CreatedAt.Time
	f.Attrs = attrs("enabled", t.Enabled, "sourceType", t.Source.SourceType, "privateCA", data.AcmPcaArn)
	facts := []retinue.Fact{f}
	text := data.X509CertificateData
	if strings.Contains(data.Value, "BEGIN CERTIFICATE") {
		text = data.Value
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return facts
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return facts
	}
	sum := sha256.Sum256(block.Bytes)
	id := hex.EncodeToString(sum[:])
	spki := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	ref := retinue.NewRef(r.realm(), "certificate", id)
	return append(facts, retinue.Credential{Ref: ref, Name: retinue.CleanName(cert.Subject.String()), Kind: retinue.CredentialCertificate,
		Subtype: "roles_anywhere_ca", State: retinue.CredentialActive, NotBefore: cert.NotBefore.UTC(), ExpiresAt: cert.NotAfter.UTC(),
		Joins: []retinue.JoinKey{{Kind: retinue.JoinCertificate, Value: id}}, PublicKey: hex.EncodeToString(spki[:]),
		Algorithm: cert.PublicKeyAlgorithm.String(),
		Certificate: &retinue.Certificate{Issuer: retinue.CleanName(cert.Issuer.String()), Subject: retinue.CleanName(cert.Subject.String()),
			Serial: fmt.Sprintf("%x", cert.SerialNumber), CA: cert.IsCA, SelfSigned: cert.Issuer.String() == cert.Subject.String(),
			SignatureAlgorithm: cert.SignatureAlgorithm.String()}},
		retinue.Placement{Credential: ref, Consumer: f.Ref, Place: retinue.Place{Kind: retinue.PlaceTrustStore, Realm: r.realm(),
			Container: accountRef(r.account), Path: f.Ref.Key}})
}
