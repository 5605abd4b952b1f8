# SPDX-License-Identifier: BSD-2-Clause
# `coracle bench boot` of domains: the steps of each boot in their order, medians that are the samples', and
# no domain left (tests/e2e/bench_boot.py says the same of other machines).
# files: apps/hello
. /functions
coracle bench boot -n 2 --on "$on" --json /apps/hello >json 2>complaint || fail "$(cat complaint)"
cat json >&2
[ -z "$(domains)" ] || fail "domains are left: $(domains)"
# A line for each phase: its name, the median since exec, and both samples.
sed 's/{"name"/\n&/g' json | sed -n \
    's/^{"name":"\([a-z]*\)".*"since_exec_ns":{[^}]*"median":\([0-9]*\),[^}]*},"samples_since_exec_ns":\[\([0-9]*\),\([0-9]*\)\].*/\1 \2 \3 \4/p' >phases
[ "$(cut -d' ' -f1 phases | tr '\n' ' ')" = "command inputs vm entry platform memory main exit end " ] ||
    fail "other phases: $(cat phases)"
awk '$3 < first || $4 < second || int(($3 + $4) / 2) != $2 { exit 1 }
    { first = $3; second = $4 }' phases || fail "not in order, or other medians: $(cat phases)"
echo ok
