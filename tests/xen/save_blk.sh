# SPDX-License-Identifier: BSD-2-Clause
# `xl save` and `xl restore` amid a program's writes and reads of a disk: it goes on with the disk that the
# restored domain is given, and finds there what it wrote before.
# files: tests/guest/blkrounds
set -e
. /functions

log=/var/log/xen/console/guest-blkrounds.log

rm -f $log
dd if=/dev/zero of=/disk bs=4096 count=256 2>/dev/null
losetup /dev/loop1 /disk
coracle run --on "$on" --blk /dev/loop1 --print /tests/guest/blkrounds 1000000 >config
xl create config >&2
until_said $log "round 5"
for turn in 1 2; do
    xl save blkrounds saved >&2
    last=$(grep -c round $log)
    xl restore saved >&2
    rm saved
    until_said $log "round $((last + 20))"
done
! grep -v "round" $log | grep . >&2
xl destroy blkrounds
losetup -d /dev/loop1
echo ok
