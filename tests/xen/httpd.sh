# SPDX-License-Identifier: BSD-2-Clause
# The web appliance with its disk and its network: dom0 fetches every file and compares, many times
# over one and several connections.
# files: apps/httpd site.tar
set -e
mkdir want && tar -xf /site.tar -C want
coracle run --on "$on" --net bridge:xenbr0,ip=10.77.0.2/24 --blk /site.tar,ro --mem 32M --timeout 60 /apps/httpd &
tries=0
until wget -q -O /dev/null http://10.77.0.2/ 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || exit 1
    usleep 200000
done
ping -c 3 -s 1400 -i 0.2 10.77.0.2
(cd want && find . -type f) | while read -r file; do
    wget -q -O got "http://10.77.0.2/$file"
    cmp got "want/$file"
done
for i in 1 2 3 4 5 6 7 8; do
    (wget -q -O "got.$i" http://10.77.0.2/ && cmp "got.$i" want/index.html) &
    workers="$workers $!"
done
for worker in $workers; do
    wait "$worker"
done
echo ok
