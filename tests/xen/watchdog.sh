# SPDX-License-Identifier: BSD-2-Clause
# The watchdog does not run while a domain is saved, runs again when it is restored, and ends a guest
# that hangs then, for Xen's reason 4.
# files: tests/guest/hang_masked
set -e

log=/var/log/xen/console/guest-hang_masked.log

# until_said WORDS
until_said() {
    tries=0
    until [ -f $log ] && grep -q "$1" $log; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { echo "\"$1\" is not said" >&2; xl list -v >&2; tail -n3 $log >&2; exit 1; }
        usleep 100000
    done
}

coracle run --on "$on" --watchdog 2 --print /tests/guest/hang_masked 80 >config
grep -q "watchdog=2" config
xl create config >&2
until_said "tick 5"
xl save hang_masked saved >&2
sleep 3
xl restore saved >&2
until_said "tick 79"
tries=0
until xl list -v hang_masked | grep -Eq -- ' ---s.* 4 '; do
    [ $((tries += 1)) -lt 60 ] || { echo "it still runs" >&2; xl list -v >&2; exit 1; }
    usleep 200000
done
if xenstore-read "/local/domain/$(xl domid hang_masked)/data/coracle/status" 2>/dev/null; then
    exit 1
fi
xl destroy hang_masked
echo ok
