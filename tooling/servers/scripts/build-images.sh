#!/bin/bash
# Builds local Docker images of etcd, Consul and ZooKeeper out of what fetch-servers.sh unpacks, for machines that reach
# no container registry. They hold the commands that the tests call in the official images (etcd, consul, zkServer.sh),
# and nothing else of their interface.
#
# usage: set -a; eval "$(build-images.sh)"; set +a
#   stdout: KV_TEST_ETCD_IMAGE=..., KV_TEST_CONSUL_IMAGE=..., KV_TEST_ZOOKEEPER_IMAGE=...
#
# Images that exist are kept, unless this script or fetch-servers.sh has changed.
set -euo pipefail

cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
recipe=$(cat build-images.sh fetch-servers.sh | cksum | cut -d' ' -f1)

images() {
  docker image ls --filter "label=kv-test.recipe=$recipe" --filter 'reference=kv-test/*' --format '{{.Repository}}:{{.Tag}}'
}

# image NAME FILE...: a root made of files below the store and the work folder, each at the place that `places` gives it
places='s,^(libc|java)/,,xS;s,^(etcd|consul)/bin/,usr/local/bin/,xS;s,^zkServer,usr/local/bin/zkServer,S'
image() {
  local name=$1
  shift
  tar -C "$store" -c --transform "$places" --owner=0 --group=0 --numeric-owner "$@" |
    docker import -c "LABEL kv-test.recipe=$recipe" -c 'ENV PATH=/usr/local/bin:/usr/bin:/bin' - \
      "kv-test/$name:$(cat "$store/$name/version")" >/dev/null
}

if [ "$(images | wc -l)" != 3 ]; then
  store=$(./fetch-servers.sh etcd consul zookeeper java libc)
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cat >"$work/zkServer.sh" <<'SCRIPT'
#!/bin/sh
# usage: zkServer.sh start-foreground CONFIG, with JVMFLAGS in the environment
for jar in /zookeeper/jars/*.jar; do classpath=${classpath:+$classpath:}$jar; done
exec /usr/lib/jvm/default/bin/java $JVMFLAGS -cp "$classpath" org.apache.zookeeper.server.quorum.QuorumPeerMain "$2"
SCRIPT
  chmod 755 "$work/zkServer.sh"

  pids=()
  image etcd libc/{bin,lib,lib64,tmp,usr} etcd/bin/etcd etcd/bin/etcdctl &
  pids+=($!)
  image consul libc/{bin,lib,lib64,tmp,usr} consul/bin/consul &
  pids+=($!)
  image zookeeper java/{bin,etc,lib,lib64,tmp,usr} zookeeper/jars -C "$work" zkServer.sh &
  pids+=($!)
  for pid in "${pids[@]}"; do wait "$pid"; done
  docker image prune --force --filter label=kv-test.recipe >/dev/null # those that the new ones took the names of
fi

images | sort | sed -E 's,^kv-test/([a-z]+):.*,\U\1\E &,' | while read -r kind name; do echo "KV_TEST_${kind}_IMAGE=$name"; done
