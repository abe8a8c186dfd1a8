#!/bin/bash
# Unpacks etcd, Consul, ZooKeeper, Curator and a Java runtime from Debian packages into the project's cache folder. The host is
# not changed and no root is needed: an apt with folders of its own downloads the packages and checks their signatures.
#
# usage: fetch-servers.sh [etcd|consul|zookeeper|curator|java|libc ...]      default: etcd consul zookeeper
#   etcd      bin/etcd, bin/etcdctl
#   consul    bin/consul
#   zookeeper jars/*.jar, to be put on the class path in the order of their names
#   curator   jars/*.jar, to be put there behind ZooKeeper's: the client library, and BeanShell, which runs Java from its source
#   libc      a root for images, with the C library and a shell
#   java      another one, with usr/lib/jvm/default/bin/java too
# and in each of them a file `version`.
#
# The only line on stdout is the folder that holds one folder for each of them. What is there already is kept: then
# the call takes a few milliseconds. A change of this script fetches everything anew.
#
#   KV_DEBIAN_MIRROR  Debian mirror. Default on Debian: the one of this machine's own apt sources; needed on Ubuntu,
#                     whose releases have no complete set of the three
#   KV_ETCD_SUITE     the Debian release that etcd is taken from: bookworm has 3.4, trixie 3.5. Default: trixie
set -euo pipefail

script=$(readlink -f "${BASH_SOURCE[0]}")
cache=$(cd "$(dirname "$script")/../../.." && pwd)/.cache/servers
state=$cache/$(cksum <"$script" | cut -d' ' -f1)
store=$state${KV_ETCD_SUITE:+-$KV_ETCD_SUITE}

etcd_suite=${KV_ETCD_SUITE:-trixie}
zookeeper_suite=trixie
consul_suite=bullseye # the last release with Consul (1.8.7)
# What links against the host's C library comes from the host's own release.
# shellcheck source=/dev/null
host_suite=$(. /etc/os-release && [ "$ID" = debian ] && echo "${VERSION_CODENAME:-sid}" || echo bookworm)

log() { printf '[fetch-servers %2ss] %s\n' "$SECONDS" "$*" >&2; }
fail() {
  echo "fetch-servers: $*" >&2
  exit 1
}

# The packages of a part, as name/suite.
packages() {
  case $1 in
    etcd) printf "%s/$etcd_suite\n" etcd-server etcd-client ;;
    consul) echo "consul/$consul_suite" ;;
    zookeeper) printf "%s/$zookeeper_suite\n" libzookeeper-java libslf4j-java libcommons-cli-java libcommons-io-java \
      libdropwizard-metrics-java libsnappy-java libjctools-java libnetty-java ;;
    curator) printf "%s/$zookeeper_suite\n" libcurator-recipes-java libcurator-framework-java libcurator-client-java \
      libguava-java libbsh-java ;;
    java) printf "%s/$host_suite\n" "$(java_package)" libgcc-s1 libstdc++6 zlib1g libc6 busybox-static ;;
    libc) printf "%s/$host_suite\n" libc6 busybox-static ;;
    *) fail "unknown part: $1" ;;
  esac
}

java_package() { # the one that default-jre-headless stands for
  apt-cache depends "default-jre-headless/$host_suite" | awk '$1 == "Depends:" && /openjdk-.*-jre-headless/ { print $2; exit }'
}

# The class paths, what others depend on first: a manifest in Debian's jars names its dependencies by absolute path,
# and would draw in other versions of them where the host has some. slf4j-simple logs to the console without a configuration; without Jetty it has no admin server.
zookeeper_jars=(slf4j-api slf4j-simple commons-cli commons-io metrics-core snappy-java jctools-core
  netty-common netty-buffer netty-resolver netty-transport netty-transport-native-unix-common
  netty-transport-native-epoll netty-codec netty-handler zookeeper-jute zookeeper)
curator_jars=(guava curator-client curator-framework curator-recipes bsh)

# unpack ROOT deb ...
unpack() {
  local root=$1 deb
  shift
  for deb in "$@"; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$root" --keep-directory-symlink \
      --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/maven-repo*' --exclude='*/gconv/*'
  done
}

# A root whose /bin and /lib lead to /usr, as packages of every release expect it.
merge_usr() {
  local name
  for name in bin lib lib64; do
    mkdir -p "$1/usr/$name"
    ln -s "usr/$name" "$1/$name"
  done
}

# The package links its configuration to the host's /etc: make the links lead into the root instead.
localise_java() {
  local link target
  ln -s "$(basename "$1"/usr/lib/jvm/java-*-openjdk-*)" "$1/usr/lib/jvm/default"
  find "$1/usr/lib/jvm" -type l -lname '/etc/*' -printf '%p %l\n' |
    while read -r link target; do ln -sfr "$1$target" "$link"; done
}

# fill PART DIR deb ...
fill() {
  local part=$1 dir=$2 root=$2.root i
  shift 2
  mkdir "$dir" "$root"
  dpkg-deb -f "$1" Version | sed -E 's/^[0-9]+://; s/[-+].*//' >"$dir/version"
  case $part in
    etcd | consul)
      unpack "$root" "$@"
      mv "$root/usr/bin" "$dir/bin"
      ;;
    zookeeper | curator)
      unpack "$root" "$@"
      local -n jars=${part}_jars
      mkdir "$dir/jars"
      for i in "${!jars[@]}"; do
        cp -L "$root/usr/share/java/${jars[i]}.jar" "$dir/jars/$(printf %02d "$i")-${jars[i]}.jar"
      done
      ;;
    libc | java)
      mkdir -m 1777 "$dir/tmp"
      merge_usr "$dir"
      unpack "$dir" "$@"
      ln -s busybox "$dir/usr/bin/sh"
      [ "$part" = libc ] || localise_java "$dir"
      ;;
  esac
  rm -rf "$root"
}

missing=()
[ $# -gt 0 ] || set -- etcd consul zookeeper
for part in "$@"; do [ -d "$store/$part" ] || missing+=("$part"); done
if [ ${#missing[@]} = 0 ]; then
  echo "$store"
  exit
fi

for tool in apt-get apt-cache dpkg-deb; do
  command -v $tool >/dev/null || fail "no $tool here: this works on Debian and Ubuntu only"
done
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9 # of two concurrent calls the second finds what the first one fetched
missing=()
for part in "$@"; do [ -d "$store/$part" ] || missing+=("$part"); done
work=$(mktemp -d "$cache/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
for old in "$cache"/*/; do [[ $old = "$state"* ]] || rm -rf "$old"; done # of an earlier state of this script
mkdir -p "$store"

# --- an apt of our own ---------------------------------------------------------------------------------------------

# The archive behind this machine's own apt sources; every suite lives under it. Where no index has been downloaded yet
# only the addresses tell which of the sources it is: the one with this release's code name itself as suite.
debian_mirror() {
  local uri
  uri=$(apt-get indextargets --format '$(LABEL)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk -F'|' '$1 == "Debian" && $2 == "main" && !uri { uri = $3 } END { print uri }')
  [ -n "$uri" ] || uri=$(apt-get update --print-uris 2>/dev/null |
    sed -nE "s#^'([^']+)/dists/$host_suite/InRelease'.*#\\1#p" | head -n 1)
  echo "${uri%/}"
}

mirror=${KV_DEBIAN_MIRROR:-$(debian_mirror)}
[ -n "$mirror" ] || fail 'no Debian archive in the apt sources of this machine: set KV_DEBIAN_MIRROR to a mirror of Debian'
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ ! -e $keyring ]; then # Ubuntu: its own signed archive has Debian's keys
  (cd "$work" && apt-get download -qq debian-archive-keyring >&2) ||
    fail 'the package debian-archive-keyring is needed to check the signatures: install it'
  dpkg-deb -x "$work"/debian-archive-keyring_*.deb "$work/keyring"
  keyring=$work/keyring$keyring
fi

apt=$work/apt
mkdir -p "$apt"/{etc,state/lists/partial,cache/archives/partial}
: >"$apt/status"
for suite in $(printf '%s\n' "$etcd_suite" "$zookeeper_suite" "$consul_suite" "$host_suite" | sort -u); do
  echo "deb [arch=$(dpkg --print-architecture) signed-by=$keyring] $mirror $suite main"
done >"$apt/etc/sources.list"
# A mirror that is frozen at some date serves Release files that have expired: Check-Valid-Until.
cat >"$apt/apt.conf" <<CONF
Dir::Etc "$apt/etc";
Dir::Etc::parts "/dev/null";
Dir::Etc::sourcelist "$apt/etc/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::Check-Valid-Until "false";
APT::Sandbox::User "";
CONF
export APT_CONFIG=$apt/apt.conf
log "reading the package lists"
apt-get update -qq --error-on=any >&2

# --- download, unpack ----------------------------------------------------------------------------------------------

mapfile -t wanted < <(for part in "${missing[@]}"; do packages "$part"; done)
mkdir "$work/debs"
log "downloading ${wanted[*]}"
(cd "$work/debs" && apt-get download -qq "${wanted[@]}" >&2)
pids=()
for part in "${missing[@]}"; do
  debs=()
  for package in $(packages "$part"); do debs+=("$work/debs/${package%/*}"_*.deb); done
  (
    fill "$part" "$work/$part" "${debs[@]}"
    mv "$work/$part" "$store/$part"
  ) &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
log "unpacked ${missing[*]}"
echo "$store"
