#!/bin/busybox sh
# PID 1 of a VM, in busybox, from the first filesystem: finds the disk, asks vm-config.sh on it what this VM is, sets up
# what a container has from its engine (network, names, RAM disk), and runs the node's own PID 1, init.sh, in it. Powers
# the VM off when that ends, which it does at the deadline at the latest. Nothing else runs here: no udev, no systemd, no
# ssh, no login.
#
# On the kernel's command line: meshbench.root=DEVICE, and meshbench.probe=1 where the VM is only to show that it boots.
# What init.sh ended with goes to the second serial port, where there is one.
set -f
export PATH=/bin

readonly ROOT=/root LIB=/usr/local/lib/meshbench
readonly DISK_WAIT_TENTHS=300

say() { echo "vm-init: $*"; }

power_off() {
  say "node ended with exit code $1"
  (echo "$1" >/dev/ttyS1) 2>/dev/null
  sync
  poweroff -f
}

refuse() {
  say "$*"
  power_off 64
}

# setting NAME: its value, or nothing.
setting() { echo "$config" | sed -n "s/^MESHBENCH_$1=//p"; }

# boot_option NAME: of the kernel's command line.
boot_option() { tr ' ' '\n' </proc/cmdline | sed -n "s/^meshbench\.$1=//p"; }

start_kernel_parts() {
  /bin/busybox --install -s /bin
  mount -t proc proc /proc
  mount -t sysfs sysfs /sys
  mount -t devtmpfs devtmpfs /dev
  ls /modules | while read -r module; do insmod "/modules/$module"; done
}

mount_disk() {
  local disk tenths=0
  disk=$(boot_option root)
  until [ -b "$disk" ]; do
    [ $((tenths += 1)) -le $DISK_WAIT_TENTHS ] || refuse "no disk $disk"
    sleep 0.1
  done
  # Read-only as a container's root is: nothing of a run stays on it.
  mount -t ext4 -o ro,noatime "$disk" $ROOT || refuse "$disk holds no root filesystem"
  mount -t proc -o nosuid,nodev,noexec proc $ROOT/proc
  mount -t sysfs -o ro,nosuid,nodev,noexec sysfs $ROOT/sys
  mount -t devtmpfs -o nosuid devtmpfs $ROOT/dev
  ln -s /proc/self/fd $ROOT/dev/fd
  mount -t tmpfs -o nosuid,nodev,size=16m,mode=0755 tmpfs $ROOT/run
  mount -t tmpfs -o nosuid,nodev,size=64m,mode=1777 tmpfs $ROOT/tmp
}

# A VM that starts as the copy of another one has that one's clock.
set_clock() { hwclock --hctosys --utc 2>/dev/null; }

start_network() {
  local address gateway
  ip link set lo up
  ip link set eth0 up || refuse "no network interface"
  address=$(setting ADDRESS)
  if [ "$address" ]; then
    ip address add "$address" dev eth0 || refuse "cannot take address $address"
    gateway=$(setting GATEWAY)
    [ ! "$gateway" ] || ip route add default via "$gateway" || refuse "no way to gateway $gateway"
  else
    udhcpc -i eth0 -b -t 10 -S -s /dhcp.sh
  fi
}

# over FILE: stdin instead of that file of the disk, which cannot be written.
over() {
  cat >"$ROOT/run/${1##*/}"
  mount --bind "$ROOT/run/${1##*/}" "$ROOT$1"
}

set_names() {
  local name
  name=$(setting HOSTNAME)
  hostname "${name:-node}"
  {
    echo "127.0.0.1 localhost"
    setting HOSTS | tr ',=' '\n '
  } | over /etc/hosts
  setting DNS | tr ',' '\n' | sed 's/./nameserver &/' | over /etc/resolv.conf
}

mount_ram() {
  local mib options=nosuid,nodev,mode=1777
  mib=$(setting RAM_DISK_MIB)
  mount -t tmpfs -o "$options${mib:+,size=${mib}m}" tmpfs $ROOT/ram
}

# VMware asks the guest for its address.
start_tools() {
  [ ! -x $ROOT/usr/bin/vmtoolsd ] || chroot $ROOT /usr/bin/vmtoolsd >/dev/null 2>&1 &
}

start_kernel_parts
[ ! "$(boot_option probe)" ] || { say "this machine boots" && power_off 0; }
mount_disk
config=$(chroot $ROOT $LIB/vm-config.sh print) || refuse "not told what this VM is"
set_clock
set_names
start_network
mount_ram
start_tools
# shellcheck disable=SC2086 -- vm-config.sh lets no blank through
env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin $config /bin/chroot $ROOT $LIB/init.sh
power_off $?
