# SPDX-License-Identifier: BSD-2-Clause
# The watchdog does not run while a domain is saved, runs again when it is restored, and ends a guest
# that hangs then, for Xen's reason 4.
# files: tests/guest/hang_masked
set -e
. /functions

log=/var/log/xen/console/guest-hang_masked.log

coracle run --on "$on" --watchdog 2 --print /tests/guest/hang_masked 80 >config
grep -q "watchdog=2" config
xl create config >&2
until_said $log "tick 5"
xl save hang_masked saved >&2
sleep 3
xl restore saved >&2
until_said $log "tick 79"
tries=0
until xl list -v hang_masked | grep -Eq -- ' ---s.* 4 '; do
    [ $((tries += 1)) -lt 60 ] || fail "it still runs: $(xl list -v)"
    usleep 200000
done
if xenstore-read "/local/domain/$(xl domid hang_masked)/data/coracle/status" 2>/dev/null; then
    exit 1
fi
xl destroy hang_masked
echo ok
