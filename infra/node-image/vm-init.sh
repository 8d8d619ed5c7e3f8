#!/bin/busybox sh
# PID 1 of a VM, in busybox, from the first filesystem: finds the disk, asks vm-config.sh on it what this VM is, sets up
# what a container has from its engine (network, names, RAM disk), and runs the node's own PID 1, init.sh, in it. Powers
# the VM off when that ends, which it does at the deadline at the latest. Nothing else runs here: no udev, no systemd, no
# ssh, no login.
#
# On the kernel's command line: meshbench.root=DEVICE; meshbench.probe=1 where the VM is only to show that it boots;
# meshbench.wait=1 where it is to be frozen before it is told what it is, and told when it goes on.
# What init.sh ended with goes to the second serial port, where there is one.
export PATH=/bin
# Words are taken apart on purpose, and none of them is a pattern.
set -f

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

# value_of NAME WORD…: of the word NAME=value. Without other programs: each costs an emulated machine 50 ms.
value_of() {
  local name=$1 word
  shift
  for word; do
    case $word in "$name="*) echo "${word#*=}" ;; esac
  done
}

# setting NAME: what this VM was told, or nothing.
setting() { value_of "MESHBENCH_$1" $config; }

# boot_option NAME: of the kernel's command line.
boot_option() {
  local options
  read -r options </proc/cmdline
  value_of "meshbench.$1" $options
}

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

# What a node will run, once before: then it is in memory when the machine goes on.
warm_up() {
  chroot $ROOT /usr/sbin/mariadbd --version
  chroot $ROOT /usr/local/bin/node --check $LIB/node.mjs
  chroot $ROOT /bin/cp -r $LIB/data /tmp && rm -r $ROOT/tmp/data
  for one in bash base64 cat env fallocate mkdir setpriv sleep stat; do chroot $ROOT "$one" --version; done
} >/dev/null 2>&1

# What is told is there from the start, or, where this VM was frozen meanwhile, once QEMU is another one: the driver has
# to look again each time.
await_config() {
  local driver
  warm_up
  driver=$(find /modules -name '*qemu_fw_cfg.ko')
  say "waits to be told what it is"
  until [ -e /sys/firmware/qemu_fw_cfg/by_name/opt/meshbench/config ]; do
    rmmod qemu_fw_cfg
    sleep 0.05
    insmod "$driver"
  done
  # Copies of one machine have had the same random numbers so far.
  dd if=/dev/hwrng of=/dev/urandom bs=64 count=1 2>/dev/null
}

# A VM that starts as the copy of another one has that one's clock.
set_clock() { hwclock --hctosys --utc 2>/dev/null; }

start_network() {
  local mac address gateway
  ip link set lo up
  mac=$(setting MAC)
  [ ! "$mac" ] || ip link set eth0 address "$mac"
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
  local name order
  name=$(setting HOSTNAME)
  hostname "${name:-node}"
  {
    echo "127.0.0.1 localhost"
    setting HOSTS | tr ',=' '\n '
  } | over /etc/hosts
  {
    setting DNS | tr ',' '\n' | sed 's/./nameserver &/'
    echo "options attempts:1"
  } | over /etc/resolv.conf
  order="files dns"
  [ ! "$(setting DNS_FIRST)" ] || order="dns [NOTFOUND=return] files"
  printf '%s: %s\n' passwd files group files shadow files hosts "$order" networks files | over /etc/nsswitch.conf
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
[ ! "$(boot_option wait)" ] || await_config
config=$(chroot $ROOT $LIB/vm-config.sh print) || refuse "not told what this VM is"
set_clock
set_names
start_network
mount_ram
start_tools
env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin $config /bin/chroot $ROOT $LIB/init.sh
power_off $?
