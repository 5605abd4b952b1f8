/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The access log: one line per request on standard output, in the Combined format of other web
 * servers. Lines gather in a buffer, so that no request pays for a write to the console.
 */
#ifndef HTTPD_LOG_H
#define HTTPD_LOG_H

#include "request.h"

/* Switched off by -q before the server starts. */
extern bool log_enabled;

/*
 * Adds a line. peer is the client's address; req may be half parsed, then it is the request line
 * that counts. What clients wrote is escaped, so that it can neither end the line nor a quoted
 * field.
 */
void log_request(const char *peer, const struct http_request *req, int status, uint64_t body_len);

/*
 * Milliseconds to wait for other events before log_flush is due, 0 where it is due now, -1 where
 * nothing waits.
 */
int log_wait_ms(void);

/* Writes out what has gathered. Blocks as long as standard output does. */
void log_flush(void);

/* Appends s as the content of a quoted field; exported for its unit test. */
void log_put_escaped(struct text *out, struct str s);

#endif
