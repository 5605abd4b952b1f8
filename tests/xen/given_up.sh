# SPDX-License-Identifier: BSD-2-Clause
# SIGTERM at any moment while xl makes the domain: nothing is left of it.
# files: tests/guest/spin_forever
. /functions

# given_up MILLISECONDS: so long after the start
given_up() {
    coracle run --on "$on" /tests/guest/spin_forever >said 2>complaint &
    usleep "$(($1 * 1000))"
    kill -TERM $!
    wait $!
    status=$?
    [ $status = 143 ] || fail "after $1 ms: status $status: $(cat complaint)"
    tries=0
    until [ -z "$(domains)" ] && ! pidof coracle xl >/dev/null; do
        [ $((tries += 1)) -lt 50 ] || fail "after $1 ms: left: $(xl list; pidof coracle xl)"
        usleep 100000
    done
    [ "$(xl list | wc -l)" = 2 ] || fail "after $1 ms: a domain is left"
    [ ! -s complaint ] || fail "after $1 ms: $(cat complaint)"
}

for moment in 100 200 250 300 330 360 400 450 500 600 700; do
    given_up $moment
done
echo ok
