# What both commands need to start: where the jars are, and a Java that can run them. To be sourced.
# Nothing here starts a process unless it must, because the command line's start is what people wait for.
# shellcheck shell=bash disable=SC2034

share=${BASH_SOURCE[0]%/*}
if [[ -d $share/target/lib ]]; then
  library=$share/target/lib
  archives=$share/target/classes-archive
else
  library=$share/lib
  archives=/var/cache/flatsnap/classes-archive
fi

complain() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 1
}

# read_version HOME: sets java, java_version and java_major when a Java of 17 or newer lives there.
read_version() {
  local key value
  [[ -x $1/bin/java ]] || return 1
  java_version=
  if [[ -r $1/release ]]; then
    while IFS='=' read -r key value; do
      [[ $key != JAVA_VERSION ]] || java_version=${value//\"/}
    done <"$1/release"
  fi
  # Every JDK has had this file since 9, some stripped-down runtimes do not.
  if [[ -z $java_version ]]; then
    value=$("$1/bin/java" -version 2>&1) || return 1
    value=${value#*\"}
    java_version=${value%%\"*}
  fi
  java_major=${java_version%%[!0-9]*}
  [[ -n $java_major ]] && ((java_major >= 17)) || return 1
  java=$1/bin/java
}

find_java() {
  local candidate
  if [[ -n ${JAVA_HOME:-} ]] && read_version "$JAVA_HOME"; then return; fi
  if candidate=$(type -P java) && candidate=$(readlink -f -- "$candidate") &&
    read_version "${candidate%/bin/java}"; then
    return
  fi
  for candidate in /usr/lib/jvm/*; do
    if read_version "$candidate"; then return; fi
  done
  complain 'needs Java 17 or newer and found none: install openjdk-17-jre-headless, or set JAVA_HOME'
}

# Sets options: what both commands give to Java.
common_options() {
  local jar path=
  # In another encoding Java could neither read the names that people give nor make files of them.
  if [[ ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} != *[Uu][Tt][Ff]*8* ]]; then export LC_ALL=C.UTF-8; fi
  find_java
  for jar in "$library"/*.jar; do
    [[ -e $jar ]] || complain "has no jars in $library: build them with 'mvn package', or reinstall the package"
    path+=${path:+:}$jar
  done
  # The JVM says on standard output when it passes over a class archive; output belongs to the command.
  options=(-Xlog:disable '-Xlog:all=error,cds*=off:stderr' -XX:+UseSerialGC -cp "$path")
}

server_options() {
  common_options
  # JNA and jffi call native code and use Unsafe; newer Javas warn of both, one day they will refuse.
  if ((java_major >= 22)); then options+=(--enable-native-access=ALL-UNNAMED); fi
  if ((java_major >= 24)); then options+=(--sun-misc-unsafe-memory-access=allow); fi
  # Out of memory, a restarted daemon is better than one that limps: everything it needs to know is on the stores.
  options+=(-XX:+ExitOnOutOfMemoryError)
  # It runs for months beside the VMs: memory that it does not need at the moment goes back to the host, and at once. Java
  # would begin with a 64th of the host's memory, and not look for garbage before that is full.
  options+=(-Xms64m -XX:MaxNewSize=48m -XX:MinHeapFreeRatio=10 -XX:MaxHeapFreeRatio=20 -XX:-ShrinkHeapInSteps)
}

# Sets archive too: the class archive of this Java. The JVM compares it with itself and with every jar's size and time,
# and goes on without it where they differ.
# The command line calls no native code, so it goes without the options for that: they would make Java pass over a part
# of its own archive.
client_options() {
  common_options
  options+=(-XX:TieredStopAtLevel=1)
  archive=$archives/flatsnap-$java_version.jsa
}
