# SPDX-License-Identifier: BSD-2-Clause
# `xl save` and `xl restore` with a network: an open TCP connection goes on, new ones are taken.
#
# The guest is on a bridge of its own. On xenbr0 is the emulator's network, too, which takes frames for
# whomever: one that dom0 sends while the guest is away is flooded there, and answered by a reset in
# the guest's name.
# files: tests/guest/net_echo
set -e
. /functions

brctl addbr alone
trap 'ip link set alone down; brctl delbr alone' EXIT
ip addr add 10.78.0.1/24 dev alone
ip link set alone up
coracle run --on "$on" --print --net bridge:alone,ip=10.78.0.2/24 /tests/guest/net_echo >config
xl create config >&2
name=$(sed -n 's/^name *= *"\(.*\)"/\1/p' config)
log=/var/log/xen/console/guest-$name.log
until_said "$log" listening
mkfifo requests
exec 4<>requests
nc 10.78.0.2 7 <requests >answers 4>&- &
echo before >&4
until_said answers before
before=$(xl domid "$name")
xl save "$name" /tmp/saved >&2
xl restore /tmp/saved >&2
[ "$(xl domid "$name")" != "$before" ]
echo after >&4
until_said answers after
echo another | nc -w 3 10.78.0.2 7 | grep -q another
grep -q restored "$log"
xl destroy "$name"
echo ok
