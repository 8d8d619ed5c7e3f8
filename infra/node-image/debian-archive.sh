# Where Debian's packages come from, for mmdebstrap. To be sourced, with `work`, a folder that is removed afterwards.
# Sets `suite` and `sources`.

readonly suite=bookworm
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
