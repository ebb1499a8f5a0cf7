#!/bin/sh
# Builds pebble and pebble-challtestsrv, an authority for automatic certificates
# and the name server beside it, for the live tests into the folder bin of the
# first argument, or of RETINUE_LIVE, or of the user's cache. What is there
# already is left alone.
set -eu
live=${1:-${RETINUE_LIVE:-${XDG_CACHE_HOME:-$HOME/.cache}/retinue-live}}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
mkdir -p "$live/bin"
for program in pebble pebble-challtestsrv; do
	if [ -x "$live/bin/$program" ]; then
		continue
	fi
	echo "building $program" >&2
	(
		cd "$here"
		CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags '-s -w' \
			-o "$live/bin/$program.new" "github.com/letsencrypt/pebble/v2/cmd/$program"
	)
	mv "$live/bin/$program.new" "$live/bin/$program"
done
