# SPDX-License-Identifier: BSD-2-Clause
# A `coracle run` that is killed without a chance to clear up leaves no domain and no process, whether
# the domain runs or is just being made.
# files: tests/guest/spin_forever
# killed AFTER: starts one, kills it when that command succeeds
killed() {
    coracle run --on "$on" /tests/guest/spin_forever >said 2>/dev/null &
    until "$@"; do usleep 20000; done
    kill -KILL $!
    wait $! 2>/dev/null
    # The guard goes last.
    until [ "$(xenstore-list /local/domain)" = 0 ] && ! pidof coracle xl >/dev/null; do
        usleep 100000
    done
    xl list | grep -q spin && exit 1
    rm -f said
}

killed grep -q spinning said
domain_there() {
    [ "$(xenstore-list /local/domain)" != 0 ]
}

killed domain_there
killed pidof xl
killed true
echo ok
