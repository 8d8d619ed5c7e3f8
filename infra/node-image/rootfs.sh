#!/bin/bash
# The root filesystem of a node: Debian packages and a prepared data directory, for containers and VMs alike.
# Needs root, mmdebstrap and Debian's archive keyring.
#
# usage: rootfs.sh OUT.tar SCHEMA.sql
# Writes OUT.tar and OUT.tar.database, one line such as "mariadb 10.11.19".
set -euo pipefail

readonly out=$1 schema=$2
readonly suite=bookworm
here=$(dirname "$(readlink -f "$0")")
readonly here
# File times in the tree and the packages' caches: the same for everybody.
export SOURCE_DATE_EPOCH=1767225600

# Debian's mirrors as this machine's own apt has them; nothing where this is no Debian: mmdebstrap then knows them.
debian_sources() {
  apt-get indextargets --format '$(ORIGIN)/$(LABEL) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk -v suite="$suite" '
      $1 == "Debian/Debian" && !main { main = $2 }
      $1 == "Debian/Debian-Security" && !security { security = $2 }
      END {
        if (!main) exit
        print "deb", main, suite, "main"
        print "deb", main, suite "-updates", "main"
        if (security) print "deb", security, suite "-security", "main"
      }'
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
debian_sources >"$work/sources.list"
sources=()
[[ -s $work/sources.list ]] && sources=("$work/sources.list")

# apt's own proxies, passwords included, by the environment, which others cannot read: --aptopt shows in the process list,
# and stays in the tree.
for scheme in http https; do
  proxy=""
  eval "$(apt-config shell proxy "Acquire::$scheme::Proxy")"
  [[ -z $proxy || $proxy == DIRECT ]] || export "${scheme}_proxy=$proxy"
done

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
