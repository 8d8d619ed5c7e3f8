#!/bin/sh
# Called by udhcpc in a VM, which vm-init.sh has given its files of names: takes the address that was given, the way out of
# its network, and the resolvers where the VM was told of none.
: "${ROOT:=/root}"

take_address() {
  ip address replace "$ip/${mask:-24}" dev "$interface"
  for gateway in $router; do ip route replace default via "$gateway" && break; done
}

# As every container has its own name: what look-ups cost is to be paid between nodes.
take_name() {
  grep -q " $(hostname)\$" "$ROOT/etc/hosts" || echo "$ip $(hostname)" >>"$ROOT/etc/hosts"
}

take_resolvers() {
  grep -q ^nameserver "$ROOT/etc/resolv.conf" && return
  for resolver in $dns; do echo "nameserver $resolver" >>"$ROOT/etc/resolv.conf"; done
}

case $1 in
  deconfig) ip address flush dev "$interface" ;;
  bound | renew)
    take_address
    take_name
    take_resolvers
    ;;
esac
