# SPDX-License-Identifier: BSD-2-Clause
# `xl mem-set` down and up again: the guest gives memory and takes it back, and lives on. More than it
# can spare it does not give. At its end its pages are counted, and none has leaked.
# files: tests/guest/sleep_forever
set -e
. /functions

# Waits until the domain has $1 to $2 MiB.
has() {
    tries=0
    until memory=$(xl list "$id" | awk 'NR == 2 { print $3 }') && [ "$memory" -ge "$1" ] &&
        [ "$memory" -le "$2" ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { cat err >&2; fail "it has $memory MiB instead of $1 to $2"; }
        usleep 100000
    done
}

coracle run --on "$on" --mem 64M --timeout 200 --stats stats /tests/guest/sleep_forever >out 2>err &
machine=$!
until id=$(domains) && [ -n "$id" ] && [ -s out ]; do
    usleep 100000
done
has 63 65
xl mem-set "$id" 40
has 39 41
xl mem-set "$id" 64
has 63 65
xl mem-set "$id" 1
has 2 8
xl mem-set "$id" 50
has 49 51
xl shutdown "$id"
status=0
wait $machine || status=$?
cat err stats >&2
[ $status = 143 ]
grep -q "balloon: .* are the host's" err
if grep -q "neither" err; then
    exit 1
fi
grep -Eq '"pages": *\{ *"granted": *0, *"kept": *0, *"given": *3[0-9]{3}, *"leaked": *0 *\}' stats && echo ok
