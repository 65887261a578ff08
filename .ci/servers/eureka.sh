#!/usr/bin/env bash
# A real Eureka server for the tests, of the Maven artifacts of Spring Cloud Netflix with a small main
# (test/servers/eureka/EurekaMain.java), in a cache outside the repository; prints the folder with its jars and classes.
#
#   .ci/servers/eureka.sh            makes it if need be (a minute)
#   .ci/servers/eureka.sh --cached   only says where it is; exit code 3 if it was never made here
set -euo pipefail
cd "$(dirname "$0")/../../test/servers/eureka"

version=$(sed -n 's:.*<spring-cloud.version>\(.*\)</spring-cloud.version>.*:\1:p' pom.xml)
digest=$(cat pom.xml EurekaMain.java | sha256sum | cut -c1-8)
folder=${SONDE_SERVERS:-$HOME/.cache/sonde-servers}/eureka-$version-$digest

if [[ -e $folder/ready ]]; then
  echo "$folder"
  exit 0
fi
if [[ ${1:-} == --cached ]]; then
  echo "eureka $version is not in $folder; run .ci/servers/eureka.sh" >&2
  exit 3
fi
for program in mvn javac; do
  command -v "$program" >/dev/null || { echo "eureka is made with $program, which is not here" >&2; exit 1; }
done

building=$folder.building-$$
mkdir -p "$building"
trap 'rm -rf "$building"' EXIT
nice -n 10 mvn -B -q -f pom.xml dependency:copy-dependencies "-DoutputDirectory=$building/lib" -DincludeScope=runtime >&2
nice -n 10 javac -cp "$building/lib/*" -d "$building/classes" EurekaMain.java >&2
# The version of the server itself, for who shows it.
basename "$(ls "$building"/lib/eureka-core-[0-9]*.jar)" .jar | sed 's/^eureka-core-//' >"$building/ready"
rm -rf "$folder"
mv "$building" "$folder"
echo "$folder"
