#!/bin/bash
# What a VM needs beside a node's root filesystem: Debian's kernel for VMs and its modules, a static busybox, a loader for
# UEFI and, for VMware, the tools in the tree itself.
# Needs root, mmdebstrap and Debian's archive keyring.
#
# usage: vm-parts.sh OUT_DIR ROOTFS.tar [--tools]
# Fills OUT_DIR with vmlinuz, kernel (its release), modules/, busybox, loader.efi; with --tools tree.tar, which is ROOTFS
# and open-vm-tools.
set -euo pipefail

readonly out=$1 rootfs=$2 tools=${3-}
here=$(dirname "$(readlink -f "$0")")
readonly here
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
source "$here/debian-archive.sh"

# Packages are unpacked, not installed: the kernel's own scripts would want an initramfs and a boot loader.
cat >"$work/unpack.sh" <<'END'
set -euo pipefail
cd /tmp
kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^  Depends: \(linux-image-[0-9].*\)$/\1/p')
apt-get -q download "$kernel" busybox-static systemd-boot-efi
mkdir packages parts
for package in *.deb; do dpkg-deb --extract "$package" packages; done
release=${kernel#linux-image-}
echo "$release" >parts/kernel
mv "packages/boot/vmlinuz-$release" parts/vmlinuz
mv "packages/lib/modules/$release" parts/modules
mv packages/bin/busybox parts/busybox
mv packages/usr/lib/systemd/boot/efi/linuxx64.efi.stub parts/loader.efi
END

hooks=(--customize-hook="upload '$work/unpack.sh' /tmp/unpack.sh"
  --customize-hook='chroot "$1" bash /tmp/unpack.sh'
  --customize-hook="mv \"\$1\"/tmp/parts/* '$out'"
  --customize-hook='rm -rf "$1"/tmp/*')
if [[ $tools ]]; then
  hooks+=(--customize-hook='chroot "$1" apt-get -qy install --no-install-recommends open-vm-tools'
    --customize-hook='rm -rf "$1"/run/* "$1"/var/cache/* "$1"/var/log/*')
fi

mmdebstrap --variant=custom --mode=root --format="$([[ $tools ]] && echo tar || echo null)" \
  --setup-hook="tar --extract --file '$rootfs' --directory \"\$1\" --exclude './dev/*'" \
  "${hooks[@]}" "$suite" "$work/tree.tar" "${sources[@]}"

[[ ! $tools ]] || mv "$work/tree.tar" "$out/tree.tar"
