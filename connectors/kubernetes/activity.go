package kubernetes

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
	"github.com/retinue-id/retinue/connector/logs"
)

// activity describes how the API server's audit log is read.
func activity() *connector.Activity {
	return &connector.Activity{
		Logs: []connector.LogKind{{
			Name: auditLog, Title: "Kubernetes audit log",
			Covers: []string{
				"Every request to the API server that its audit policy logs, with the user, the token or certificate, the pod and node that a token is bound to, verb, object, outcome, address and client.",
				"Requests in another's name, as a use of both; tokens that are issued, Secrets that are read, bindings and roles that are changed, commands that are run in pods.",
			},
			BlindSpots: auditBlindSpots(),
		}},
		Target: []connector.TargetForm{
			{Form: "PATH", Help: "a file, folder or pattern of audit logs: as the API server writes them, lists of its webhook, CloudWatch Logs of EKS (subscription, Firehose, export to a bucket, `aws logs filter-log-events`), Cloud Logging of GKE, diagnostic exports of AKS; plain or gzip"},
		},
		Examples: []connector.TargetForm{
			{Form: "kubernetes=/var/log/kubernetes/audit,cluster-uid=UID,audit-policy=/etc/kubernetes/audit-policy.yaml", Help: "the log files of an API server, with the policy that says what is not in them"},
			{Form: "kubernetes=eks-export,cluster-uid=UID", Help: "a folder of what CloudWatch Logs exported to a bucket"},
		},
		Open: openActivity,
		Decode: func(record []byte) ([]retinue.Event, error) {
			return (&auditDecoder{}).decode(record)
		},
		Decoder:   alone,
		Envelopes: envelopes(), RealmKind: realmKind, RealmOption: "cluster-uid",
	}
}

// alone makes a decoder of records that come one by one.
func alone(cfg connector.Config, _ connector.Env) (func([]byte) ([]retinue.Event, error), error) {
	d, err := configured(cfg)
	return d.decode, err
}

// configured is the decoder that the options ask for.
func configured(cfg connector.Config) (*auditDecoder, error) {
	opts, err := readOptions(cfg)
	if err != nil {
		return nil, err
	}
	if opts.clusterUID == "" {
		return nil, fmt.Errorf("%w: source kubernetes: an audit log does not say which cluster it is of: give cluster-uid=, which `kubectl get namespace kube-system -o jsonpath={.metadata.uid}` prints", retinue.ErrInvalid)
	}
	return &auditDecoder{realm: retinue.NewRealm(realmKind, opts.clusterUID), issuer: retinue.CleanName(cfg.Option("token-issuer", "")),
		gke: strings.Trim(cfg.Option("gke-cluster", ""), "/"), anonymous: new(atomic.Int64), only: new(atomic.Pointer[string])}, nil
}

// Blind spots of the audit log whatever its policy.
func auditBlindSpots() []retinue.BlindSpot {
	return []retinue.BlindSpot{policyUnknown(), noCredentialID(), {
		Code:  "kubernetes.webhook_drops",
		Text:  "The webhook back end, and a file back end in batch mode, drop events when their buffer is full, and the log does not show it.",
		Raise: "Use the file back end in blocking mode (--audit-log-mode=blocking-strict); watch apiserver_audit_error_total.",
		Cost:  "Requests wait for the disk, and fail when it is full.",
	}, {
		Code: "kubernetes.direct_access",
		Text: "What reaches etcd, a kubelet or a node without the API server leaves nothing in its audit log.",
	}}
}

func policyUnknown() retinue.BlindSpot {
	return retinue.BlindSpot{
		Code:  "kubernetes.audit_policy_unknown",
		Text:  "Which requests the audit policy leaves out is not known.",
		Raise: "Give the policy file with audit-policy=.", Cost: "None. Of a managed cluster the provider does not give it.",
	}
}

func noCredentialID() retinue.BlindSpot {
	return retinue.BlindSpot{
		Code:        "kubernetes.credential_not_logged",
		Text:        "The log does not say which of its tokens or certificates an identity used.",
		Credentials: []retinue.CredentialKind{retinue.CredentialServiceToken, retinue.CredentialCertificate},
		Raise:       "Kubernetes 1.32 logs the id of service account tokens, 1.34 the hash of client certificates.", Cost: "An upgrade of the cluster.",
	}
}

// auditReader reads audit logs from files.
type auditReader struct {
	decoder *auditDecoder
	path    string
	policy  []retinue.BlindSpot
	known   bool // the policy was given
}

// openActivity makes a reader of audit logs.
func openActivity(_ context.Context, cfg connector.Config, env connector.Env) (connector.ActivityReader, error) {
	decoder, err := configured(cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Target == "" || cfg.Target == "in-cluster" {
		return nil, fmt.Errorf("%w: source kubernetes: want the path of an audit log", retinue.ErrInvalid)
	}
	r := &auditReader{path: expand(cfg.Target, env), decoder: decoder}
	if path := cfg.Option("audit-policy", ""); path != "" {
		if r.policy, err = r.decoder.readPolicy(expand(path, env)); err != nil {
			return nil, fmt.Errorf("source kubernetes: option audit-policy: %w", err)
		}
		r.known = true
	}
	return r, nil
}

// Activity implements connector.ActivityReader.
func (r *auditReader) Activity(ctx context.Context, req connector.ActivityRequest, sink connector.ActivitySink) error {
	return logs.Read(ctx, req, sink, logs.Options{
		Paths: []string{r.path}, ReaderOptions: logs.ReaderOptions{Envelopes: envelopes()}, Open: r.open, Cover: r.cover,
	})
}

// open tells exports of a cloud's logs, which hold those of other things as well
// and are read for them by other connectors or once for each cluster.
func (r *auditReader) open(_ logs.Input, head []byte, o *logs.ReaderOptions) (logs.Decoder, error) {
	for _, sign := range []string{`"insertId"`, `"protoPayload"`, `"receivedMessages"`, `"subscription"`, `"category"`} {
		if bytes.Contains(head, []byte(sign)) {
			o.As = strings.TrimSpace("kubernetes " + r.decoder.gke)
		}
	}
	return logs.DecoderFunc(func(dst []retinue.Event, rec logs.Record) ([]retinue.Event, error) {
		events, err := r.decoder.decode(rec.Data)
		return append(dst, events...), err
	}), nil
}

// Close implements connector.ActivityReader.
func (r *auditReader) Close() error { return nil }

func (r *auditReader) cover(seen logs.Seen) []retinue.Coverage {
	blind := auditBlindSpots()[2:]
	if !r.known {
		blind = append(blind, policyUnknown())
	}
	blind = append(blind, r.policy...)
	if r.decoder.anonymous.Load() > 0 {
		blind = append(blind, noCredentialID())
	}
	out := seen.Coverage(blind...)
	for i := range out {
		out[i].Classes = []retinue.EventClass{retinue.EventData, retinue.EventManagement, retinue.EventSignIn}
		out[i].Authenticated = true // the API server writes these files
	}
	return out
}
