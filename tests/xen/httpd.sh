# SPDX-License-Identifier: BSD-2-Clause
# The web appliance: appliance.py looks at it from outside, through dom0's bridge.
# files: apps/httpd
# host: appliance
losetup -r /dev/loop0 /site.tar
coracle run --on "$on" --mem 64M --net bridge:xenbr0,ip=10.77.0.2/24,gw=10.77.0.1 --blk /dev/loop0,ro \
    /apps/httpd >out 2>err &
machine=$!
until wget -q -O /dev/null http://10.77.0.2/; do
    kill -0 $machine 2>/dev/null || break
    usleep 200000
done
echo READY >/dev/ttyS1
read -r line </dev/ttyS1
if kill -TERM $machine; then
    wait $machine
    echo "status $?" >>err
    xl list | grep -q httpd && echo "the domain is still there" >>err
fi
cat err >&2
grep -qx "status 143" err && ! grep -q "still there" err && echo ok
