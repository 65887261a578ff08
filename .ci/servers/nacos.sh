#!/usr/bin/env bash
# Nacos 2.5.0 and 3.1.0 of the library jars that others publish of it (there is no official jar of the server), each with a
# small main class. Prints the folder of each; needs Java 17 and Maven.
set -euo pipefail
here=$(cd "$(dirname "$0")/nacos" && pwd)
cache=${SONDE_SERVERS:-$HOME/.cache/sonde-servers}

if ! command -v mvn >/dev/null || ! command -v javac >/dev/null; then
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends maven openjdk-17-jdk-headless; } >&2
fi

# One at a time; who waited finds it done.
mkdir -p "$cache"
exec 9>"$cache/.nacos.lock"
flock 9

# version, version of the jars, main class, group, artifacts
install() {
  local version=$1 jars=$2 main=$3 group=$4 target=$cache/nacos-$1 work artifact
  shift 4
  # The main class is compiled anew when it has changed, from the same jars.
  if [[ ! -e $target/ready ]]; then
    work=$(mktemp -d)
    {
      echo '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
      echo '<groupId>sonde</groupId><artifactId>nacos</artifactId><version>1</version><dependencies>'
      for artifact; do
        echo "<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$jars</version></dependency>"
      done
      echo '</dependencies></project>'
    } >"$work/pom.xml"
    mkdir -p "$target"
    mvn -B -q -f "$work/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$target/lib" >&2
    # The same classes as in hessian-4, older; whichever comes first on the class path is taken.
    rm -rf "$target/lib/hessian-3.3.6.jar" "$work"
    touch "$target/ready"
  fi
  if ! cmp -s "$here/$main.java" "$target/classes/$main.java"; then
    mkdir -p "$target/classes"
    javac -nowarn -cp "$target/lib/*" -d "$target/classes" "$here/$main.java" >&2
    cp "$here/$main.java" "$target/classes/"
  fi
  echo "$target"
}

install 2.5.0 2.5.0 Nacos2 io.xuxiaowei.nacos nacos-naming nacos-config nacos-default-plugin-all
install 3.1.0 3.1.0-bugfix Nacos3 io.github.pig-mesh.nacos nacos-server
