# SPDX-License-Identifier: BSD-2-Clause
# `xl save` and `xl restore` with a network: an open TCP connection goes on, new ones are taken. As PV guest
# it does not always go on: this hung once in five runs, for a reason that is not known.
# only: xen-pvh
# files: tests/guest/net_echo
set -e

coracle run --on "$on" --print --net bridge:xenbr0,ip=10.77.0.2/24 /tests/guest/net_echo >config
xl create config >&2
name=$(sed -n 's/^name *= *"\(.*\)"/\1/p' config)
log=/var/log/xen/console/guest-$name.log
until grep -q listening "$log"; do
    usleep 100000
done
mkfifo requests
nc 10.77.0.2 7 <requests >answers &
exec 4>requests
echo before >&4
until grep -q before answers; do
    usleep 100000
done
before=$(xl domid "$name")
xl save "$name" /tmp/saved >&2
xl restore /tmp/saved >&2
[ "$(xl domid "$name")" != "$before" ]
echo after >&4
until grep -q after answers; do
    usleep 100000
done
echo another | nc -w 3 10.77.0.2 7 | grep -q another
grep -q restored "$log"
echo ok
