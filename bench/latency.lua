-- SPDX-License-Identifier: BSD-2-Clause
-- For wrk: when a run is over, one line with the latencies in microseconds below which so many per cent
-- of the answers came; 100 is the slowest of all. Nothing is done while requests run. Read by bench/web.py.
function done(summary, latency, requests)
    local line = "latencies"
    for _, percent in ipairs({50, 75, 90, 95, 99, 99.9, 99.99}) do
        line = line .. string.format(" %g=%d", percent, latency:percentile(percent))
    end
    io.write(line, string.format(" 100=%d\n", latency.max))
end
