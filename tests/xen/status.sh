# SPDX-License-Identifier: BSD-2-Clause
# The status is in xenstore, where other tools than ours can read it; nothing is left when it was read.
# files: tests/guest/exit_status
coracle run --on "$on" --print /tests/guest/exit_status >config
xl create -q config
tries=0
until xl list exit_status | grep -q -- ' ---s-- ' || [ $((tries += 1)) = 100 ]; do
    usleep 200000
done
xl list exit_status
id=$(xl domid exit_status)
echo "status $(xenstore-read "/local/domain/$id/data/coracle/status")"
xl destroy exit_status
coracle run --on "$on" /tests/guest/exit_status
echo "status $?"
xl list | grep exit_status
[ "$(xenstore-list /local/domain)" = 0 ] && echo ok
