#!/bin/bash
# PID 1 of a node, in containers and VMs alike: copies the prepared data directory to the RAM disk, starts the database
# and the node program, reaps, and ends the node at its deadline. Configured by the environment variables below
# (NODE_ENV in model/node-protocol.ts), none of them secret. Output of everything goes to stdout and stderr.
#
# Needs no capability but SETUID, SETGID and KILL, nothing writable but a tmpfs at /ram, and works under no-new-privileges.
#
# Exit codes (NODE_EXIT): 70 database died, 71 node program died, 124 deadline, 143 terminated; 64 bad settings.
set -u

readonly LIB=/usr/local/lib/meshbench
readonly RAM=/ram
readonly GRACE_TENTHS=3

say() { printf 'init: %s\n' "$*" >&2; }
refuse() {
  say "$*"
  exit 64
}

# require NAME PATTERN: the variable is there and the whole of it matches.
require() {
  local value=${!1-}
  [[ $value =~ ^$2$ ]] || refuse "$1 is '${value:0:80}', must match $2"
}

check_settings() {
  require MESHBENCH_DEADLINE_SEC '[1-9][0-9]{0,6}'
  require MESHBENCH_WORKER_VERIFIER '\*[0-9A-F]{40}'
  require MESHBENCH_BUFFER_POOL_MIB '[1-9][0-9]{0,6}'
  require MESHBENCH_REDO_LOG_MIB '[1-9][0-9]{0,6}'
  require MESHBENCH_HEAP_TABLE_MIB '[1-9][0-9]{0,6}'
  if [[ $(stat --file-system --format=%T "$RAM" 2>&1) != tmpfs && ${MESHBENCH_ALLOW_DISK-} != 1 ]]; then
    refuse "$RAM is no tmpfs: mount one there, or set MESHBENCH_ALLOW_DISK=1 to measure a disk"
  fi
}

# Docker's own resolver knows the peers, and would answer for them whatever the run's resolvers do: these come first.
ask_resolvers() {
  local others
  [[ ${MESHBENCH_RESOLVERS-} ]] || return 0
  require MESHBENCH_RESOLVERS '[0-9A-Fa-f.:]+(,[0-9A-Fa-f.:]+)*'
  others=$(</etc/resolv.conf)
  printf 'nameserver %s\n' ${MESHBENCH_RESOLVERS//,/ } >/etc/resolv.conf || refuse "cannot write /etc/resolv.conf"
  printf '%s\n' "$others" >>/etc/resolv.conf
}

# as USER COMMAND…: becomes that command, without a way back to root.
as() {
  local user=$1
  shift
  if command -v setpriv >/dev/null; then
    exec setpriv --reuid="$user" --regid="$user" --init-groups --no-new-privs -- "$@"
  fi
  exec gosu "$user" "$@"
}

# ── the database, as user mysql ──────────────────────────────────────────────────────────────────────────────────────

# Runs before the server accepts connections, so whoever can connect finds the account.
worker_account() {
  local login="IDENTIFIED WITH mysql_native_password AS"
  [[ $1 != mariadbd ]] || login="IDENTIFIED VIA mysql_native_password USING"
  printf '%s;\n' \
    "CREATE USER 'worker'@'%' $login '$MESHBENCH_WORKER_VERIFIER'" \
    "GRANT ALL ON meshbench.* TO 'worker'@'%' WITH GRANT OPTION" \
    "GRANT CREATE USER ON *.* TO 'worker'@'%'"
}

start_database() {
  local server options
  [[ ! -e $RAM/data ]] || refuse "$RAM/data exists: a node starts once, with an empty RAM disk"
  umask 077
  { cp -r "$LIB/data" "$RAM/data" && mkdir "$RAM/tmp"; } || refuse "cannot fill $RAM: it has to be writable for all"

  options=(
    --innodb-buffer-pool-size="${MESHBENCH_BUFFER_POOL_MIB}M"
    --max-heap-table-size="${MESHBENCH_HEAP_TABLE_MIB}M"
    --init-file="$RAM/accounts.sql"
  )
  [[ ${MESHBENCH_REVERSE_LOOKUPS-} == 1 ]] || options+=(--skip-name-resolve)
  if server=$(command -v mariadbd); then
    options+=(--innodb-log-file-size="${MESHBENCH_REDO_LOG_MIB}M")
    # The template's log has not wrapped, so that a longer file is the same log: sparing the server its own resizing
    # saves half of the start, and the RAM disk is touched.
    fallocate --length "${MESHBENCH_REDO_LOG_MIB}MiB" "$RAM/data/ib_logfile0" || refuse "no room for the redo log in $RAM"
  else
    server=$(command -v mysqld) || refuse "neither mariadbd nor mysqld is in this image"
    options+=(--mysqlx=OFF --plugin-load-add=auth_socket.so --innodb-redo-log-capacity="${MESHBENCH_REDO_LOG_MIB}M")
    # From 8.4 on the plugin of the worker's account has to be asked for.
    [[ $("$server" --version) == *" 8.0."* ]] || options+=(--mysql-native-password=ON)
  fi
  worker_account "${server##*/}" >"$RAM/accounts.sql"
  exec "$server" --defaults-file="$LIB/database.cnf" "${options[@]}"
}

# The pages that tables will fill (at most half the pool) are asked for once, now and not in the main loop; a RAM disk
# that is too small for them shows here.
touch_ram() {
  local mib=$((MESHBENCH_BUFFER_POOL_MIB / 2))
  command -v fallocate >/dev/null || return 0
  fallocate --length "${mib}MiB" "$RAM/touch" || say "the RAM disk has no $mib MiB for the tables"
  rm -f "$RAM/touch"
}

# ── supervision, as root ─────────────────────────────────────────────────────────────────────────────────────────────

is_gone() { [[ ! -d /proc/$1 ]]; }

# status_of PID: of a child that is gone. Others that end meanwhile must not cut the wait short.
status_of() {
  trap - CHLD
  wait "$1"
  local status=$?
  trap : CHLD
  return "$status"
}

# look: ends the node where one of its parts has ended; where the node program is through, the database stays up for
# collection.
look() {
  local status=0
  if is_gone "$database"; then
    status_of "$database"
    end 70 "the database died (status $?)"
  fi
  if [[ $program ]] && is_gone "$program"; then
    status_of "$program" || status=$?
    program=""
    ((status == 0)) || end 71 "the node program died (status $status)"
    look # What ended just now was not heard.
  fi
}

# end STATUS REASON: forwards the signal, waits a moment, ends everything: nothing here has to be saved.
end() {
  trap '' TERM INT
  say "$2"
  signal TERM
  local tenth
  for ((tenth = 0; tenth < GRACE_TENTHS; tenth++)); do
    signal 0 || break
    sleep 0.1
  done
  kill -s KILL $deadline $database $program 2>/dev/null
  exit "$1"
}

# signal NAME: to what still runs; false where nothing does.
signal() { kill -s "$1" $database $program 2>/dev/null; }

supervise() {
  ulimit -c 0
  deadline="" database="" program=""
  trap 'end 143 terminated' TERM INT
  # In POSIX mode a child's end cuts `wait` short, whichever child it is.
  set -o posix
  trap : CHLD
  # Counts on the monotonic clock: setting the wall clock moves no deadline.
  sleep "$MESHBENCH_DEADLINE_SEC" &
  deadline=$!
  as mysql "$0" database &
  database=$!
  as node /usr/local/bin/node --max-semi-space-size=1 --max-old-space-size=96 "$LIB/node.mjs" &
  program=$!
  as mysql "$0" touch &
  until is_gone "$deadline"; do
    look
    wait "$deadline"
  done
  end 124 "deadline: $MESHBENCH_DEADLINE_SEC s are over"
}

case ${1-} in
  database) start_database ;;
  touch) touch_ram ;;
  *) check_settings && ask_resolvers && supervise ;;
esac
