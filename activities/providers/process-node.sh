#!/bin/bash
# One native node: enters its tree by namespaces, as containers do, and starts the PID 1 that containers have.
#
# usage: process-node.sh keep NODE FOLDER TREE NAMESPACE RAM_MIB HOSTNAME KEEPER_GROUPS NODE_GROUPS
#   as root, with the environment that PID 1 gets. Stays beside the node and outlives the worker. In FOLDER it writes
#   `log`, `keeper` and `init` (both processes as /proc has them) and, when all is over, `exit`.
#   Groups are folders of control groups, separated by colons. NODE is here to be found in the process list.
set -u

# Twice this is kept.
readonly LOG_BYTES=1048576
readonly OPEN_FILES=16384

# ── the keeper ───────────────────────────────────────────────────────────────────────────────────────────────────────

keep() {
  local folder=$2 namespace=$4 keeper_groups=$7 node_groups=$8 logger status
  # One keeper at a time, and only one ever: what has run once is not started again.
  exec 9>"$folder/lock"
  flock --nonblock 9 && [[ ! -e $folder/init ]] || exit 0
  # The worker's own limits are not the node's, and the end of its unit is not the node's end.
  # Where this machine is a container itself it may not leave them.
  join_groups "$keeper_groups" || echo "keeper: stays in the worker's control groups" >&2
  write_identity "$folder/keeper" || exit 69
  exec > >(exec 9>&- && keep_log "$folder/log") 2>&1 </dev/null
  logger=$!
  (
    exec 9>&-
    join_groups "$node_groups" || exit 69
    ulimit -n "$OPEN_FILES"
    # Nothing of the node is left where its keeper is killed.
    exec setpriv --pdeathsig KILL -- nsenter --net="$namespace" -- \
      unshare --mount --uts --ipc --pid --fork --kill-child=KILL --propagation private -- \
      "$BASH" "$0" enter "${@:2:5}"
  ) &
  wait $!
  status=$?
  # util-linux before 2.39 exits so where its child was killed; PID 1 itself and `enter` never do.
  ((status != 1)) || [[ ! -e $folder/init ]] || status=137
  exec >&- 2>&-
  wait "$logger"
  echo "$status" >"$folder/exit.new" && mv "$folder/exit.new" "$folder/exit"
}

# join_groups A:B:…
join_groups() {
  local group groups
  IFS=: read -ra groups <<<"$1"
  for group in "${groups[@]}"; do
    echo "$BASHPID" >"$group/cgroup.procs" || return
  done
}

# write_identity FILE: of this process, as the machine's own /proc has it, whatever namespace this is.
write_identity() {
  local identity
  read -r identity </proc/self/stat
  echo "$identity" >"$1.new" && mv "$1.new" "$1"
}

keep_log() {
  local file=$1 line bytes=0
  while IFS= read -r line || [[ $line ]]; do
    printf '%s\n' "$line" >>"$file"
    ((bytes += ${#line} + 1))
    if ((bytes >= LOG_BYTES)); then
      mv "$file" "$file.1"
      bytes=0
    fi
  done
}

# ── inside: mounts, then PID 1 ───────────────────────────────────────────────────────────────────────────────────────

enter() {
  local folder=$1 tree=$2 ram_mib=$4 hostname=$5 root file
  root=$folder/root
  write_identity "$folder/init" || exit 69
  trap 'exit 69' ERR
  mount --bind "$tree" "$root"
  mount -o remount,bind,ro "$root"
  mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
  mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
  # As a container has them.
  mount -t tmpfs -o "nosuid,nodev,noexec,mode=1777,size=${ram_mib}m" tmpfs "$root/ram"
  mount -t tmpfs -o nosuid,nodev,noexec,mode=0755,size=16m tmpfs "$root/run"
  mount -t tmpfs -o nosuid,nodev,noexec,mode=1777,size=64m tmpfs "$root/tmp"
  make_devices "$root/dev"
  for file in hosts hostname nsswitch.conf resolv.conf; do mount --bind "$folder/$file" "$root/etc/$file" || exit 69; done
  echo "$hostname" >/proc/sys/kernel/hostname
  cd "$root"
  pivot_root . mnt
  cd /
  umount --lazy /mnt
  exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+kill,+setgid,+setuid -- \
    /usr/local/lib/meshbench/init.sh
}

make_devices() {
  local device
  mount -t tmpfs -o nosuid,noexec,mode=0755,size=64k tmpfs "$1" || return
  for device in null zero full random urandom tty; do
    : >"$1/$device"
    mount --bind "/dev/$device" "$1/$device" || return
  done
  ln -s /proc/self/fd "$1/fd"
  ln -s /proc/self/fd/1 "$1/stdout"
  ln -s /proc/self/fd/2 "$1/stderr"
}

case ${1-} in
  keep) keep "${@:2}" ;;
  enter) enter "${@:2}" ;;
  *) exit 64 ;;
esac
