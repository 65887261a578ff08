#!/usr/bin/env bash
# A real Dubbo for the tests of the registry zookeeper, of its Maven artifacts with a small main (test/servers/dubbo), in a
# cache outside the repository; prints the folder with its jars and classes.
#
#   .ci/servers/dubbo.sh            makes it if need be (a minute)
#   .ci/servers/dubbo.sh --cached   only says where it is; exit code 3 if it was never made here
set -euo pipefail
cd "$(dirname "$0")/../../test/servers/dubbo"

version=$(sed -n 's:.*<dubbo.version>\(.*\)</dubbo.version>.*:\1:p' pom.xml)
digest=$(cat pom.xml ./*.java | sha256sum | cut -c1-8)
folder=${SONDE_SERVERS:-$HOME/.cache/sonde-servers}/dubbo-$version-$digest

if [[ -e $folder/ready ]]; then
  echo "$folder"
  exit 0
fi
if [[ ${1:-} == --cached ]]; then
  echo "dubbo $version is not in $folder; run .ci/servers/dubbo.sh" >&2
  exit 3
fi
for program in mvn javac; do
  command -v "$program" >/dev/null || { echo "dubbo is made with $program, which is not here" >&2; exit 1; }
done

building=$folder.building-$$
mkdir -p "$building"
trap 'rm -rf "$building"' EXIT
nice -n 10 mvn -B -q -f pom.xml dependency:copy-dependencies "-DoutputDirectory=$building/lib" -DincludeScope=runtime >&2
nice -n 10 javac -cp "$building/lib/*" -d "$building/classes" ./*.java >&2
echo "$version" >"$building/ready"
rm -rf "$folder"
mv "$building" "$folder"
echo "$folder"
