#!/bin/bash
# Makes sure that a Docker daemon answers. Uses the one there is (DOCKER_HOST, the current context or the default
# socket); else, as root on Debian or Ubuntu, installs docker.io and starts one dockerd in the background, also
# where no systemd runs. It stays up until the machine goes down.
# Logs: ${TMPDIR:-/tmp}/kv-docker-install.log, ${TMPDIR:-/tmp}/kv-dockerd.log
set -euo pipefail

logs=${TMPDIR:-/tmp}

fail() {
  echo "ensure-docker: $1" >&2
  [ $# -lt 2 ] || tail -n 20 "$2" >&2
  exit 1
}

# Exits successfully if a daemon answers. `docker info` would succeed without one.
done_if_up() {
  local version
  version=$(docker version --format '{{.Server.Version}}' 2>/dev/null) || return 0
  echo "ensure-docker: Docker $version answers" >&2
  exit 0
}

# A second daemon beside a running one destroys the first one's bridge: never start one while any is alive.
daemon_alive() {
  local process
  for process in /proc/[0-9]*; do
    # Nothing that has ended and waits for its parent: that has no program any more.
    [ "$(cat "$process/comm" 2>/dev/null)" = dockerd ] && readlink "$process/exe" >/dev/null && return 0
  done
  return 1
}

done_if_up
[ -z "${DOCKER_HOST:-}" ] || fail "no daemon answers at DOCKER_HOST=$DOCKER_HOST"
[ "$(id -u)" = 0 ] || fail 'no Docker daemon answers, and only root can install and start one'
command -v apt-get >/dev/null || fail 'no Docker daemon answers; install Docker (only Debian and Ubuntu are automated)'

exec 9>/run/lock/kv-ensure-docker.lock
flock 9 # of two concurrent calls the second finds the first one's daemon
done_if_up

packages=()
command -v dockerd >/dev/null || packages+=(docker.io)
command -v iptables >/dev/null || packages+=(iptables)
if [ ${#packages[@]} -gt 0 ]; then
  log=$logs/kv-docker-install.log
  export DEBIAN_FRONTEND=noninteractive
  install=(apt-get install -y -qq --no-install-recommends -o DPkg::Options::=--force-unsafe-io -o DPkg::Lock::Timeout=120)
  {
    apt-get update -qq 9>&-
    "${install[@]}" "${packages[@]}" 9>&-
    command -v docker || "${install[@]}" docker-cli 9>&- # a package of its own since Debian 13
  } >"$log" 2>&1 || fail 'installing docker.io failed:' "$log"
fi

log=$logs/kv-dockerd.log
started=
if ! daemon_alive; then # its package may have started it
  # Left by a daemon that was killed. The second is of its child, which ended with it, and might be waited for.
  rm -f /var/run/docker.pid /var/run/docker/containerd/containerd.pid
  setsid nohup dockerd >"$log" 2>&1 </dev/null 9>&- &
  started=$!
fi
for _ in $(seq 1 300); do
  done_if_up
  sleep 0.1
  [ -z "$started" ] || kill -0 "$started" 2>/dev/null || fail 'dockerd ended:' "$log"
done
fail 'dockerd did not answer within 30 s:' "$log"
