# SPDX-License-Identifier: BSD-2-Clause
# --profile of a program whose work is known: three quarters of it under one function, a quarter under
# another, and a sleep (tests/e2e/profile.py says the same of other machines).
# files: tests/guest/profiled
. /functions
coracle run --on "$on" --profile p /tests/guest/profiled >said 2>complaint || fail "$(cat complaint)"
[ "$(cat said)" = ok ] || exit 1
[ ! -s complaint ] || fail "$(cat complaint)"
coracle inspect --profile p /tests/guest/profiled >stacks || exit 1
cat stacks >&2
awk '/^main;.*;main;often;work/ { often += $NF }
    /^main;.*;main;seldom;work/ { seldom += $NF }
    /^\[idle\]/ { idle = $NF }
    END {
        all = often + seldom
        print often, seldom, idle
        exit !(all >= 60 && often > 0.55 * all && often < 0.92 * all && idle >= 5)
    }' stacks >&2 && echo ok
