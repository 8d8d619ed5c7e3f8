#!/bin/bash
# One native node, once it is in namespaces of its own: mounts the tree that it enters, as containers do, and becomes the
# PID 1 that containers have.
#
# usage: process-node.sh FOLDER TREE RAM_MIB HOSTNAME
#   as root, in new mount, UTS, IPC and PID namespaces, with the environment that PID 1 gets.
set -u
trap 'exit 69' ERR

readonly folder=$1 tree=$2 ram_mib=$3 hostname=$4
readonly root=$folder/root

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
