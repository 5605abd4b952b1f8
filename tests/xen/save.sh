# SPDX-License-Identifier: BSD-2-Clause
# `xl save` and `xl restore`: a program that sleeps in one thread and computes in another goes on where
# it was, in a domain of another number, and has said everything once.
# files: tests/guest/ticks
set -e
. /functions

log=/var/log/xen/console/guest-ticks.log

rm -f $log
coracle run --on "$on" --print /tests/guest/ticks 100000 >config
xl create config >&2
until_said $log "tick 5"
before=$(xl domid ticks)
xl save ticks saved >&2
last=$(grep -c tick $log)
xl restore saved >&2
[ "$(xl domid ticks)" != "$before" ]
until_said $log "tick $((last + 20))"
tr -d '\020\001-\003\r' <$log >said # without the marks of the console's channels
i=0
while [ $i -lt $((last + 20)) ]; do
    [ "$(grep -c "^tick $i$" said)" = 1 ] || { cat -v $log >&2; fail "tick $i is not there once"; }
    i=$((i + 1))
done
xl destroy ticks
echo ok
