#!/bin/sh
# Called by udhcpc in a VM: takes the address that was given, and nothing else, such as resolvers.
export PATH=/bin

case $1 in
  deconfig) ip address flush dev "$interface" ;;
  bound | renew)
    ip address replace "$ip/${mask:-24}" dev "$interface"
    for gateway in $router; do ip route replace default via "$gateway" && break; done
    ;;
esac
