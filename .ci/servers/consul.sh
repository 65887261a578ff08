#!/usr/bin/env bash
# Builds Consul with the Go toolchain, once, into a cache outside the repository; prints the path of the program.
# Consul's own module replaces its parts by folders that no module archive has, so that it cannot be installed by its
# path: a module of two lines around it takes the published parts instead. Takes minutes; `--cached` never builds.
set -euo pipefail
version=1.22.7
# The one that Consul's go.mod names was published before what the command line of this release needs of it.
api=1.34.5
root=${SONDE_SERVERS:-$HOME/.cache/sonde-servers}
folder=$root/consul-$version
program=$folder/consul

if [[ ! -x $program ]]; then
  [[ ${1-} != --cached ]] || { echo "Consul $version is not in $root" >&2; exit 1; }
  go=$(command -v go || echo /usr/local/go/bin/go)
  [[ -x $go ]] || { echo 'Consul is built with Go, which is not on this machine' >&2; exit 1; }
  mkdir -p "$root"
  # One build at a time; who waited finds it done.
  exec 9>"$root/.consul.lock"
  flock 9
  if [[ ! -x $program ]]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    cd "$work"
    export GOFLAGS=-mod=mod CGO_ENABLED=0
    {
      "$go" mod init sonde.invalid/consul
      # The reasons are in Consul's own go.mod, whose exclusions do not count here.
      "$go" mod edit -exclude=github.com/hashicorp/go-msgpack@v1.1.5 -exclude=github.com/hashicorp/go-msgpack@v1.1.6 \
        -require="github.com/hashicorp/consul@v$version" -require="github.com/hashicorp/consul/api@v$api"
      nice -n 10 "$go" build -trimpath -p "${SONDE_BUILD_JOBS:-2}" -ldflags '-s -w' -o consul github.com/hashicorp/consul
      ./consul version
    } >&2
    mkdir -p "$folder"
    mv consul "$folder/consul.new"
    mv "$folder/consul.new" "$program"
  fi
fi
echo "$program"
