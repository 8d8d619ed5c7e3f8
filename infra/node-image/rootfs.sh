#!/bin/bash
# The root filesystem of a node: Debian packages and a prepared data directory, for containers and VMs alike.
# Needs root, mmdebstrap and Debian's archive keyring.
#
# usage: rootfs.sh OUT.tar SCHEMA.sql
# Writes OUT.tar and OUT.tar.database, one line such as "mariadb 10.11.19".
set -euo pipefail

readonly out=$1 schema=$2
here=$(dirname "$(readlink -f "$0")")
readonly here
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
source "$here/debian-archive.sh"

mmdebstrap --variant=minbase --mode=root --format=tar \
  --include="$(sed '/^#/d' "$here/packages.txt" | paste -sd,)" \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/info/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --customize-hook='chroot "$1" useradd --system --user-group --no-create-home --shell /usr/sbin/nologin mysql' \
  --customize-hook='chroot "$1" useradd --system --user-group --no-create-home --shell /usr/sbin/nologin node' \
  --customize-hook='mkdir -p "$1/ram" "$1/usr/local/lib/meshbench"' \
  --customize-hook="upload '$here/database.cnf' /usr/local/lib/meshbench/database.cnf" \
  --customize-hook="upload '$here/prepare-data.sh' /tmp/prepare-data.sh" \
  --customize-hook='ln -sf /usr/local/lib/meshbench/database.cnf "$1/etc/mysql/my.cnf"' \
  --customize-hook="upload '$schema' /tmp/schema.sql" \
  --customize-hook='chroot "$1" bash /tmp/prepare-data.sh /tmp/schema.sql' \
  --customize-hook='chroot "$1" mariadbd --version | sed -E "s/.* Ver ([0-9.]+).*/mariadb \1/" >'"'$work/database'" \
  --customize-hook='rm -rf "$1"/tmp/* "$1"/run/* "$1"/var/cache/* "$1"/var/log/*' \
  "$suite" "$out" "${sources[@]}"

mv "$work/database" "$out.database"
