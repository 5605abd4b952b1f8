# SPDX-License-Identifier: BSD-2-Clause
# Standard input: a pipe with pauses, a file, a closed descriptor, and what no guest reads.
# files: tests/guest/cat apps/hello
. /functions

guest() {
    coracle run --on "$on" --timeout 120 "$@"
}

said=$( (echo one; usleep 300000; echo two; usleep 300000; printf three) | guest /tests/guest/cat) ||
    fail "a pipe: status $?"
[ "$said" = "one
two
three" ] || fail "a pipe: $said"

# With every byte there is, so with the console's escape, and more than any buffer holds.
i=0
while [ $i -lt 256 ]; do
    printf "\\$(printf %03o $i)"
    i=$((i + 1))
done >bytes
i=0
while [ $i -lt 8 ]; do
    cat bytes bytes >more
    mv more bytes
    i=$((i + 1))
done
guest /tests/guest/cat <bytes >copy || fail "a file: status $?"
cmp bytes copy || fail "a file: $(wc -c <copy) bytes of $(wc -c <bytes)"

said=$(guest /tests/guest/cat <&-) || fail "no standard input: status $?"
[ -z "$said" ] || fail "no standard input: $said"

# It is there for whoever comes next.
said=$(printf rest | { guest /apps/hello && cat; })
[ "$said" = "Hello from Coracle
rest" ] || fail "what nobody reads: $said"

# A terminal: lines as it has them; its end-of-file character is the end.
printf '#!/bin/sh\ncoracle run --on %s --timeout 120 /tests/guest/cat\necho status $?\n' "$on" >session
chmod +x session
telnetd -F -b 127.0.0.1:23 -l "$PWD/session" &
server=$!
mkfifo keys
nc 127.0.0.1 23 <keys >screen &
exec 4>keys
echo "a line" >&4
until [ "$(grep -a -c "a line" screen)" = 2 ]; do # its echo, and the guest's
    usleep 100000
done
printf '\004' >&4
until grep -a -q status screen; do
    usleep 100000
done
grep -a -q "status 0" screen || fail "a terminal: $(cat screen)"
exec 4>&-
kill $server
wait
echo ok
