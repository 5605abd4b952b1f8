# SPDX-License-Identifier: BSD-2-Clause
# `xl save` and `xl restore`: a program that sleeps in one thread and computes in another goes on where
# it was, in a domain of another number, and has said everything once.
# files: tests/guest/ticks
set -e

log=/var/log/xen/console/guest-ticks.log

# until_said WORDS
until_said() {
    tries=0
    until [ -f $log ] && grep -q "$1" $log; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { echo "\"$1\" is not said" >&2; xl list >&2; tail -n3 $log >&2; exit 1; }
        usleep 100000
    done
}

rm -f $log
coracle run --on "$on" --print /tests/guest/ticks 100000 >config
xl create config >&2
until_said "tick 5"
before=$(xl domid ticks)
xl save ticks saved >&2
last=$(grep -c tick $log)
xl restore saved >&2
[ "$(xl domid ticks)" != "$before" ]
until_said "tick $((last + 20))"
tr -d '\020\001-\003\r' <$log >said # without the marks of the console's channels
i=0
while [ $i -lt $((last + 20)) ]; do
    [ "$(grep -c "^tick $i$" said)" = 1 ] || { echo "tick $i is not there once:" >&2; cat -v $log >&2; exit 1; }
    i=$((i + 1))
done
xl destroy ticks
echo ok
