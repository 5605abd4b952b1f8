/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The /metrics page, see metrics.h. The kernel's counters are the lines of /proc/metrics, which
 * is absent where the program runs on another system; the server's own follow, and "# EOF" ends
 * it all.
 */
#include "metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "filecache.h"
#include "text.h"

enum { PAGE_MAX = 65536, OWN_MAX = 4096 };

struct metrics metrics;

/* Appends the kernel's lines without their "# EOF". Too long a file is cut after a whole line. */
static void put_kernel_metrics(struct text *out)
{
    static const struct str eof = STR_INIT("# EOF\n");
    size_t limit = out->cap - OWN_MAX;
    int fd = open("/proc/metrics", O_RDONLY);
    ssize_t n = 1;

    if (fd < 0)
        return;
    while (n > 0 && out->len < limit) {
        n = read(fd, out->data + out->len, limit - out->len);
        if (n > 0)
            out->len += (size_t)n;
        else if (n < 0 && errno == EINTR)
            n = 1;
    }
    close(fd);
    while (out->len > 0 && out->data[out->len - 1] != '\n')
        out->len--;
    if (out->len >= eof.len && memcmp(out->data + out->len - eof.len, eof.p, eof.len) == 0)
        out->len -= eof.len;
}

static void put_family(struct text *out, const char *name, const char *type, const char *help)
{
    TEXT_LIT(out, "# TYPE ");
    text_puts(out, name);
    TEXT_LIT(out, " ");
    text_puts(out, type);
    TEXT_LIT(out, "\n# HELP ");
    text_puts(out, name);
    TEXT_LIT(out, " ");
    text_puts(out, help);
    TEXT_LIT(out, "\n");
}

static void put_counter(struct text *out, const char *name, const char *help, uint64_t value)
{
    put_family(out, name, "counter", help);
    text_puts(out, name);
    TEXT_LIT(out, "_total ");
    text_put_u64(out, value);
    TEXT_LIT(out, "\n");
}

static void put_own_metrics(struct text *out)
{
    put_family(out, "httpd_requests", "counter", "Answered requests by class of status.");
    for (unsigned class = 1; class <= 5; class ++) {
        TEXT_LIT(out, "httpd_requests_total{class=\"");
        text_put_u64(out, class);
        TEXT_LIT(out, "xx\"} ");
        text_put_u64(out, metrics.requests[class]);
        TEXT_LIT(out, "\n");
    }
    put_family(out, "httpd_connections_active", "gauge", "Connections open now.");
    TEXT_LIT(out, "httpd_connections_active ");
    text_put_u64(out, metrics.connections_active);
    TEXT_LIT(out, "\n");
    put_counter(out, "httpd_connections_accepted", "Connections accepted.",
                metrics.connections_accepted);
    put_counter(out, "httpd_connections_rejected", "Connections closed at once for want of memory.",
                metrics.connections_rejected);
    put_counter(out, "httpd_connections_evicted", "Idle connections closed to make room.",
                metrics.connections_evicted);
    put_counter(out, "httpd_connections_timed_out", "Connections closed by a time-out.",
                metrics.connections_timed_out);
    put_counter(out, "httpd_accept_pauses", "Times that new connections had to wait.",
                metrics.accept_pauses);
    put_counter(out, "httpd_sent_bytes", "Bytes sent, with headers.", metrics.bytes_sent);
    put_counter(out, "httpd_received_bytes", "Bytes received.", metrics.bytes_received);
    put_counter(out, "httpd_parse_errors", "Requests refused as malformed.", metrics.parse_errors);
    put_counter(out, "httpd_file_cache_hits", "Files found in the cache.", metrics.cache_hits);
    put_counter(out, "httpd_file_cache_misses", "Files looked for in the file system.",
                metrics.cache_misses);
    put_counter(out, "httpd_log_dropped_lines", "Lines of the access log that were lost.",
                metrics.log_lines_dropped);
}

struct file *metrics_page(void)
{
    struct text out = {malloc(PAGE_MAX), 0, PAGE_MAX, false};
    char *fitted;

    if (!out.data)
        return NULL;
    put_kernel_metrics(&out);
    put_own_metrics(&out);
    TEXT_LIT(&out, "# EOF\n");
    fitted = realloc(out.data, out.len);
    return file_from_memory(fitted ? fitted : out.data, out.len, METRICS_TYPE);
}
