#!/bin/sh
# Builds vault for the live tests into the folder bin of the first argument, or
# of RETINUE_LIVE, or of the user's cache. What is there already is left alone. It
# takes about four minutes on two cores. The tag minimal leaves out the engines
# and methods of other vendors' systems, which no test uses. Vault is under the
# Business Source License: it is what the tests talk to, and is not shipped.
set -eu
live=${1:-${RETINUE_LIVE:-${XDG_CACHE_HOME:-$HOME/.cache}/retinue-live}}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p "$live/bin"
if [ -x "$live/bin/vault" ]; then
	exit 0
fi
echo "building vault $(sed -n 's#^require github.com/hashicorp/vault \(v[0-9.]*\)$#\1#p' "$here/go.mod")" >&2
(
	cd "$here"
	CGO_ENABLED=0 go build -mod=readonly -tags minimal -trimpath -ldflags '-s -w' \
		-o "$live/bin/vault.new" github.com/hashicorp/vault
)
mv "$live/bin/vault.new" "$live/bin/vault"
