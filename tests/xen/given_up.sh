# SPDX-License-Identifier: BSD-2-Clause
# SIGTERM at any moment while xl makes the domain: nothing is left of it.
# files: tests/guest/spin_forever
fail() {
    echo "$*" >&2
    xl list >&2
    xenstore-ls /local/domain | grep -v "^0" | head -n 40 >&2
    exit 1
}

# given_up MILLISECONDS: so long after the start
given_up() {
    coracle run --on "$on" /tests/guest/spin_forever >said 2>complaint &
    usleep "$(($1 * 1000))"
    kill -TERM $!
    wait $!
    status=$?
    [ $status = 143 ] || fail "after $1 ms: status $status: $(cat complaint)"
    tries=0
    until [ "$(xenstore-list /local/domain)" = 0 ] && ! pidof coracle xl >/dev/null; do
        [ $((tries += 1)) -lt 50 ] || fail "after $1 ms: a domain or a process is left: $(pidof coracle xl)"
        usleep 100000
    done
    [ "$(xl list | wc -l)" = 2 ] || fail "after $1 ms: a domain is left"
    [ ! -s complaint ] || fail "after $1 ms: $(cat complaint)"
}

for moment in 100 200 250 300 330 360 400 450 500 600 700; do
    given_up $moment
done
echo ok
