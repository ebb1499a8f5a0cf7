#!/bin/sh
# Builds kube-apiserver and kube-controller-manager for the live tests into the
# folder bin of the first argument, or of RETINUE_LIVE, or of the user's cache.
# What is there already is left alone. It takes about five minutes on two cores.
# The tests need etcd beside them: the Debian package etcd-server.
set -eu
live=${1:-${RETINUE_LIVE:-${XDG_CACHE_HOME:-$HOME/.cache}/retinue-live}}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
version=$(sed -n 's#^require k8s.io/kubernetes \(v[0-9.]*\)$#\1#p' "$here/go.mod")
mkdir -p "$live/bin"
for program in kube-apiserver kube-controller-manager; do
	if [ -x "$live/bin/$program" ]; then
		continue
	fi
	echo "building $program $version" >&2
	(
		cd "$here"
		CGO_ENABLED=0 go build -mod=readonly -trimpath \
			-ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version" \
			-o "$live/bin/$program.new" "k8s.io/kubernetes/cmd/$program"
	)
	mv "$live/bin/$program.new" "$live/bin/$program"
done
