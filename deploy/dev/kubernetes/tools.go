//go:build tools

// Package tools pins the version of Kubernetes that the live tests run against.
// It is a module of its own, so that Kubernetes never enters the product's
// module graph.
package tools

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
)
