#!/bin/bash
# Stays beside a node that no engine looks after, and outlives the worker: starts it, keeps what it prints, and writes down
# how it ended.
#
# usage: node-keeper.sh keep NODE FOLDER KEEPER_GROUPS NODE_GROUPS COMMAND…
#   as root, with the node's environment. In FOLDER, where COMMAND runs, it writes `log`, `keeper` (itself, as /proc has it)
#   and, when all is over, `exit`. Groups are folders of control groups, separated by colons. NODE is here to be found in
#   the process list. Ends with status 75 at once where FOLDER has a keeper already.
# usage: node-keeper.sh begin FOLDER COMMAND…
#   becomes COMMAND, which is the node; writes `init` (the same of the node) before.
set -u

# Twice this is kept.
readonly LOG_BYTES=1048576
readonly OPEN_FILES=16384

keep() {
  local folder=$2 keeper_groups=$3 node_groups=$4 logger status
  cd "$folder" || exit
  # One keeper at a time.
  exec 9>lock
  flock --nonblock 9 || exit 75
  # What has run once is not started again.
  [[ ! -e init ]] || exit 0
  # The worker's own limits are not the node's, and the end of its unit is not the node's end.
  # Where this machine is a container itself it may not leave them.
  join_groups "$keeper_groups" || echo "keeper: stays in the worker's control groups" >&2
  write_identity keeper || exit 69
  exec > >(exec 9>&- && keep_log log) 2>&1 </dev/null
  logger=$!
  (
    exec 9>&-
    join_groups "$node_groups" || exit 69
    ulimit -n "$OPEN_FILES"
    # Nothing of the node is left where its keeper is killed.
    exec setpriv --pdeathsig KILL -- "${@:5}"
  ) &
  wait $!
  status=$?
  exec >&- 2>&-
  wait "$logger"
  echo "$status" >exit.new && mv exit.new exit
}

begin() {
  write_identity "$1/init" || exit 69
  exec "${@:2}"
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
    # Consoles of machines end lines as terminals do.
    printf '%s\n' "${line%$'\r'}" >>"$file"
    ((bytes += ${#line} + 1))
    if ((bytes >= LOG_BYTES)); then
      mv "$file" "$file.1"
      bytes=0
    fi
  done
}

case ${1-} in
  keep) keep "${@:2}" ;;
  begin) begin "${@:2}" ;;
  *) exit 64 ;;
esac
