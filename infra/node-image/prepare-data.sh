#!/bin/bash
# Runs once, while an image is built: makes the data directory that every node copies to its RAM disk.
#
# usage: prepare-data.sh SCHEMA.sql     as root, where mariadbd or mysqld is installed
set -euo pipefail

readonly schema=$1 lib=/usr/local/lib/meshbench
log=$(mktemp)
readonly log
trap 'status=$?; ((status == 0)) || cat "$log" >&2; rm -f "$log"' EXIT

mkdir -p /ram/tmp
chown mysql:mysql /ram/tmp
chmod 1777 /ram

# --force: the build's own host name need not resolve.
if command -v mariadbd >/dev/null; then
  # As small a log as the server takes: nodes start with the size of their run.
  server=(mariadbd --defaults-file="$lib/database.cnf" --user=mysql --innodb-log-file-size=4M)
  mariadb-install-db --defaults-file="$lib/database.cnf" --user=mysql --force --skip-test-db \
    --auth-root-authentication-method=socket --auth-root-socket-user=root --innodb-log-file-size=4M >>"$log" 2>&1
else
  server=(mysqld --defaults-file="$lib/database.cnf" --user=mysql --mysqlx=OFF
    --plugin-load-add=auth_socket.so --innodb-redo-log-capacity=8M)
  mysqld --defaults-file="$lib/database.cnf" --user=mysql --initialize-insecure --innodb-redo-log-capacity=8M >>"$log" 2>&1
fi

# Not before the server says it is ready: MariaDB 10.11 hangs for ever (in init_slave) on a TERM that comes between its
# socket and that line. By then the schema is in.
"${server[@]}" --skip-networking --innodb-fast-shutdown=0 --init-file="$schema" >>"$log" 2>&1 &
until grep -q "ready for connections" "$log"; do
  kill -0 $!
  sleep 0.1
done
kill -TERM $!
wait $!

mv /ram/data "$lib/data"
rm -r /ram/*
