#!/bin/bash
# What a VM is told from outside (VM_CONFIG in model/node-protocol.ts), where a container has it in its environment:
# from QEMU's firmware configuration, VMware's guestinfo, or, in a container that stands in for a VM, from the variable
# that vcsim makes of guestinfo.
#
# usage: vm-config.sh print    the lines NAME=value, checked
#        vm-config.sh start    becomes init.sh with these variables: the entry point where a container stands in for a VM
set -u

readonly FIRMWARE=/sys/firmware/qemu_fw_cfg/by_name/opt/meshbench/config/raw
readonly GUESTINFO=guestinfo.meshbench.config
readonly LINE='^MESHBENCH_[A-Z_]+=[A-Za-z0-9*._:/,=-]*$'

refuse() {
  printf 'vm-config: %s\n' "$*" >&2
  exit 64
}

find_text() {
  if [[ ${VMX_GUESTINFO_MESHBENCH_CONFIG-} ]]; then
    base64 --decode <<<"$VMX_GUESTINFO_MESHBENCH_CONFIG"
  elif [[ -e $FIRMWARE ]]; then
    cat "$FIRMWARE"
  elif command -v vmware-rpctool >/dev/null; then
    vmware-rpctool "info-get $GUESTINFO" | base64 --decode
  fi
}

text=$(find_text)
[[ $text ]] || refuse "nothing says what this VM is: neither QEMU's $FIRMWARE nor VMware's $GUESTINFO"
mapfile -t lines <<<"$text"
for line in "${lines[@]}"; do
  [[ $line =~ $LINE ]] || refuse "'${line:0:80}' must match $LINE"
done

case ${1-} in
  print) printf '%s\n' "${lines[@]}" ;;
  start) exec env "${lines[@]}" /usr/local/lib/meshbench/init.sh ;;
  *) refuse "usage: vm-config.sh print|start" ;;
esac
