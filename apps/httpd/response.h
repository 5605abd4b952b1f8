/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a parsed request to an answer: which file, which status, which header fields. Called by
 * conn.c, which sends what is rendered here.
 */
#ifndef HTTPD_RESPONSE_H
#define HTTPD_RESPONSE_H

#include "request.h"

enum { RESPONSE_HEAD_MAX = 6144 }; /* bytes that an answer takes in `out` at most */

struct file;

struct answer {
    int status;
    bool close;        /* the connection ends after this answer */
    uint64_t body_len; /* bytes of body that the client gets, for the log */
    struct file *file; /* the body is `count` bytes of it from `first`; a reference that the
                               caller gives back. NULL where all of the answer is in `out` */
    uint64_t first, count;
};

/* Says where files are looked for; to be called once. Returns -1 where the name is too long. */
int response_set_root(const char *root);

/* Renders the answer to a request into out. */
void response_make(const struct http_request *req, struct text *out, struct answer *answer);

/*
 * Renders an answer without a file: a short page that names the status. req may be half parsed;
 * the caller has set answer->close.
 */
void response_error(const struct http_request *req, int status, struct text *out,
                    struct answer *answer);

#endif
