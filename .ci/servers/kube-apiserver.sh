#!/usr/bin/env bash
# Builds the real kube-apiserver from the Go module proxy into a cache outside the repository, and prints where it is.
#
#   .ci/servers/kube-apiserver.sh            builds it if need be (10 to 30 minutes on two cores, 3 GB of module cache)
#   .ci/servers/kube-apiserver.sh --cached   only says where it is; exit code 3 if it was never built here
#
# k8s.io/kubernetes cannot be built with `go install`: its go.mod replaces the k8s.io/* modules by folders of its own tree,
# which the module zip leaves out. A wrapper module takes the same go.mod and names the published v0.x of each instead.
set -euo pipefail

version=${KUBE_APISERVER_VERSION:-1.36.3}
cache=${SONDE_SERVERS:-$HOME/.cache/sonde-servers}/kube-apiserver-$version
program=$cache/kube-apiserver

if [[ -x $program ]]; then
  echo "$program"
  exit 0
fi
if [[ ${1:-} == --cached ]]; then
  echo "kube-apiserver $version is not in $cache; run .ci/servers/kube-apiserver.sh" >&2
  exit 3
fi

PATH=$PATH:/usr/local/go/bin
command -v go >/dev/null || { echo "kube-apiserver is built with the Go toolchain, which is not here" >&2; exit 1; }

mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9
if [[ -x $program ]]; then
  echo "$program"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
go mod init sonde.invalid/kube-apiserver >&2
origin=$(go mod download -json "k8s.io/kubernetes@v$version" | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p')
sed -e 's|^module .*|module sonde.invalid/kube-apiserver|' \
  -e "s|=> \./staging/src/\(k8s.io/.*\)|=> \1 v0.${version#1.}|" \
  "$origin/go.mod" >go.mod
cp "$origin/go.sum" go.sum
chmod u+w go.sum
go mod edit -require="k8s.io/kubernetes@v$version"
nice -n 10 go build -mod=mod -trimpath -p 2 \
  -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$version" \
  -o "$program.part" k8s.io/kubernetes/cmd/kube-apiserver >&2
mv "$program.part" "$program"
echo "$program"
