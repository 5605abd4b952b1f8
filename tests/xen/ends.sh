# SPDX-License-Identifier: BSD-2-Clause
# How `coracle run` ends under Xen, and that nothing of a domain is left; hello in the least memory.
# files: apps/hello tests/guest/spin_forever
. /functions

nothing_left() {
    [ "$(xenstore-list /local/domain)" = 0 ] || fail "after $1 there is $(xl list)"
}

least=2
[ "$on" = xen-pv ] && least=4
coracle run --on "$on" --mem 1M --print /apps/hello | grep -qx "memory=$least" || fail "not memory=$least"
said=$(coracle run --on "$on" --mem 1M --stats stats /apps/hello) || fail "hello: status $?"
[ "$said" = "Hello from Coracle" ] || fail "hello says $said"
for member in '"cause": *"exit"' '"status": *0' '"waits": *[0-9]' '"kicks": *[1-9]' '"upcalls": *[0-9]' \
    '"stdout": *19' '"start_to_guest_ns": *[1-9]' '"start_to_end_ns": *[1-9]' '"cpu_user_ns"' '"memory_peak_bytes"'; do
    grep -q "$member" stats || fail "no $member in the statistics: $(cat stats)"
done
nothing_left "an exit"

coracle run --on "$on" --timeout 2 /tests/guest/spin_forever >said
[ $? = 124 ] || fail "no time-out"
nothing_left "a time-out"

coracle run --on "$on" /tests/guest/spin_forever >said &
until grep -q spinning said; do usleep 100000; done
kill -TERM $!
wait $!
[ $? = 143 ] || fail "SIGTERM"
nothing_left "SIGTERM"

# Ended by others: no status.
coracle run --on "$on" /tests/guest/spin_forever >said 2>complaint &
until grep -q spinning said; do usleep 100000; done
xl destroy "$(xenstore-list /local/domain | tail -n 1)"
wait $!
[ $? = 134 ] || fail "destroyed: status $?"
grep -q "without a status" complaint || fail "it says $(cat complaint)"
nothing_left "xl destroy"
echo ok
