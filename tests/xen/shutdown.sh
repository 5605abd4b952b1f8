# SPDX-License-Identifier: BSD-2-Clause
# `xl shutdown` and `xl reboot` end a program as SIGTERM does, whether it sleeps or computes; words
# that mean nothing to the guest change nothing.
# files: tests/guest/sleep_forever tests/guest/spin_forever
set -e
. /functions

asks() {
    coracle run --on "$on" --timeout 60 "/tests/guest/$1" >out 2>err &
    machine=$!
    until [ -n "$(domains)" ] && [ -s out ]; do
        usleep 100000
    done
    shift
    "$@" "$(domains)"
    status=0
    wait $machine || status=$?
    cat err >&2
    [ $status = 143 ]
    grep -q "the host asks for the end" err
}

nonsense() {
    xenstore-write "/local/domain/$1/control/shutdown" "something-else-that-is-quite-long"
    usleep 300000
    xenstore-write "/local/domain/$1/control/shutdown" suspicious
    usleep 300000
    kill -0 $machine
    xl shutdown "$1"
}

asks sleep_forever xl shutdown
asks sleep_forever xl reboot
asks sleep_forever nonsense
asks spin_forever xl shutdown
echo ok
