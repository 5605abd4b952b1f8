/* SPDX-License-Identifier: BSD-2-Clause */
/* The access log, see log.h. A line is written a second after it was added at the
 * latest, or when the server has been idle for a moment. */
#include "log.h"

#include <errno.h>
#include <unistd.h>

#include "clock.h"
#include "metrics.h"

enum {
    BUFFER_SIZE = 8192,
    FIELD_MAX = 512, /* bytes of a quoted field before escaping; the rest is cut */
    LINE_MAX_BYTES = 3 * FIELD_MAX * 4 + 256,
    FLUSH_AFTER_MS = 1000,
    FLUSH_IDLE_MS = 100, /* sooner where nothing else happens */
};

bool log_enabled = true;

static char buffer[BUFFER_SIZE];
static struct text lines = {buffer, 0, sizeof(buffer), false};
static int64_t oldest_ms; /* when the first line came into the buffer */

_Static_assert(LINE_MAX_BYTES <= BUFFER_SIZE, "a line must fit into the buffer");

/* What may stand in a quoted field as it is. */
static const bool is_plain[256] = {
    [' ' ... '!'] = true,
    ['#' ... '['] = true,
    [']' ... '~'] = true,
};

void log_put_escaped(struct text *out, struct str s)
{
    size_t from = 0, i;

    if (s.len > FIELD_MAX)
        s.len = FIELD_MAX;
    for (i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (is_plain[c])
            continue;
        char escape[4] = {'\\', 'x', "0123456789abcdef"[c >> 4], "0123456789abcdef"[c & 15]};
        text_put(out, s.p + from, i - from);
        text_put(out, escape, sizeof(escape));
        from = i + 1;
    }
    text_put(out, s.p + from, i - from);
}

static void put_quoted(struct text *out, struct str s)
{
    TEXT_LIT(out, " \"");
    if (s.p)
        log_put_escaped(out, s);
    else
        TEXT_LIT(out, "-");
    TEXT_LIT(out, "\"");
}

void log_request(const char *peer, const struct http_request *req, int status, uint64_t body_len)
{
    if (!log_enabled)
        return;
    if (lines.cap - lines.len < LINE_MAX_BYTES)
        log_flush();
    if (lines.len == 0)
        oldest_ms = clock_now.mono_ms;
    text_puts(&lines, peer);
    TEXT_LIT(&lines, " - - [");
    text_put(&lines, clock_now.log_date, sizeof(clock_now.log_date));
    TEXT_LIT(&lines, "]");
    put_quoted(&lines, req->line);
    TEXT_LIT(&lines, " ");
    text_put_u64(&lines, (uint64_t)status);
    TEXT_LIT(&lines, " ");
    text_put_u64(&lines, body_len);
    put_quoted(&lines, req->field[HTTP_REFERER]);
    put_quoted(&lines, req->field[HTTP_USER_AGENT]);
    TEXT_LIT(&lines, "\n");
}

int log_wait_ms(void)
{
    int64_t left;

    if (lines.len == 0)
        return -1;
    left = oldest_ms + FLUSH_AFTER_MS - clock_now.mono_ms;
    if (left > FLUSH_IDLE_MS)
        return FLUSH_IDLE_MS;
    return left > 0 ? (int)left : 0;
}

void log_flush(void)
{
    size_t done = 0;

    while (done < lines.len) {
        ssize_t n = write(STDOUT_FILENO, lines.data + done, lines.len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    for (; done < lines.len; done++)
        metrics.log_lines_dropped += lines.data[done] == '\n';
    lines.len = 0;
}
