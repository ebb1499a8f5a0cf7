package kubernetes

import (
	"fmt"
	"strings"

	"github.com/retinue-id/retinue"
	"github.com/retinue-id/retinue/connector"
)

// secretTemplate prints Secrets without their values. Names, label values and
// types are of alphabets that need no escape in JSON.
const secretTemplate = `{"apiVersion":"v1","kind":"List","items":[` +
	`{{range $i, $s := .items}}{{if $i}},{{end}}` +
	`{"apiVersion":"v1","kind":"Secret","type":"{{$s.type}}","metadata":{"name":"{{$s.metadata.name}}",` +
	`"namespace":"{{$s.metadata.namespace}}","uid":"{{$s.metadata.uid}}","creationTimestamp":"{{$s.metadata.creationTimestamp}}",` +
	`"labels":{ {{- $n := 0}}{{range $k, $v := $s.metadata.labels}}{{if $n}},{{end}}{{$n = 1}}"{{$k}}":"{{$v}}"{{end -}} },` +
	`"annotations":{ {{- with $s.metadata.annotations}}{{with index . "kubernetes.io/service-account.name"}}` +
	`"kubernetes.io/service-account.name":"{{.}}"{{end}}{{end -}} }}}` +
	`{{end}}]}`

const scriptHead = `#!/bin/sh
# Exports what Retinue reads of a Kubernetes cluster, with kubectl, into the
# folder named by the first argument (default: kubernetes-export). Read it with
#   retinue scan kubernetes=FOLDER
# The pods and workloads contain the literal values of their environment
# variables: keep the folder as you would keep those.
set -eu
umask 077
out=${1:-kubernetes-export}
mkdir -p "$out"
rm -f "$out/` + manifestName + `"
started=$(date -u +%Y-%m-%dT%H:%M:%SZ)
listed=
`

const scriptTail = `
kube get --raw /version > "$out/version.json" || rm -f "$out/version.json"
kube get --raw /.well-known/openid-configuration > "$out/openid-configuration.json" || rm -f "$out/openid-configuration.json"
printf '{"kind":"` + exportKind + `","time":"%s","resources":[%s]}\n' "$started" "${listed#,}" > "$out/` + manifestName + `"
echo "exported to $out" >&2
`

// script writes a shell script that exports a cluster.
func script(cfg connector.Config) (string, error) {
	opts, err := readOptions(cfg)
	if err != nil {
		return "", err
	}
	if len(opts.namespaces) > 0 {
		return "", fmt.Errorf("%w: source kubernetes: the script exports every namespace: give namespaces= when the export is read", retinue.ErrUnsupported)
	}
	if opts.secrets == secretsFingerprint {
		return "", fmt.Errorf("%w: source kubernetes: values of Secrets are not exported: scan the live cluster with secrets=fingerprint", retinue.ErrUnsupported)
	}
	kubectl, err := kubectlCommand(cfg)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(scriptHead)
	fmt.Fprintf(&b, "kube() { %s \"$@\"; }\n", kubectl)
	b.WriteString(`export_kind() {
	if kube get "$2" --all-namespaces --chunk-size=500 -o json > "$out/$1.json"; then
		listed="$listed,\"$1\""
	else
		echo "could not list $1: left out" >&2
		rm -f "$out/$1.json"
	fi
}
`)
	for _, k := range kinds() {
		if k != kindSecret {
			name := k.resource
			if k.group != "" {
				name += "." + k.version + "." + k.group
			}
			fmt.Fprintf(&b, "export_kind %s %s\n", k.resource, name)
		}
	}
	if opts.secrets == secretsMetadata {
		fmt.Fprintf(&b, "# kubectl receives the values; the template writes none.\nif kube get secrets --all-namespaces -o go-template='%s' > \"$out/secrets.json\"; then\n\tlisted=\"$listed,\\\"secrets\\\"\"\nelse\n\trm -f \"$out/secrets.json\"\nfi\n", secretTemplate)
	}
	b.WriteString(scriptTail)
	return b.String(), nil
}

func kubectlCommand(cfg connector.Config) (string, error) {
	command := "kubectl"
	contexts := cfg.List("contexts")
	if name, ok := strings.CutPrefix(cfg.Target, "context:"); ok {
		contexts = append(contexts, name)
	} else if cfg.Target != "" && cfg.Target != "in-cluster" {
		command += " --kubeconfig=" + quote(cfg.Target)
	}
	if len(contexts) > 1 || (len(contexts) == 1 && contexts[0] == "all") {
		return "", fmt.Errorf("%w: source kubernetes: a script exports one cluster: name one context", retinue.ErrInvalid)
	}
	if len(contexts) == 1 {
		command += " --context=" + quote(contexts[0])
	}
	return command, nil
}

// quote makes one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
