#!/bin/sh
# Builds nats-server, of which three make a cluster with JetStream, for the live
# tests into the folder bin of the first argument, or of RETINUE_LIVE, or of the
# user's cache. What is there already is left alone. It takes less than a minute.
set -eu
live=${1:-${RETINUE_LIVE:-${XDG_CACHE_HOME:-$HOME/.cache}/retinue-live}}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p "$live/bin"
if [ -x "$live/bin/nats-server" ]; then
	exit 0
fi
echo "building nats-server $(sed -n 's#^require github.com/nats-io/nats-server/v2 \(v[0-9.]*\)$#\1#p' "$here/go.mod")" >&2
(
	cd "$here"
	CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags '-s -w' \
		-o "$live/bin/nats-server.new" github.com/nats-io/nats-server/v2
)
mv "$live/bin/nats-server.new" "$live/bin/nats-server"
