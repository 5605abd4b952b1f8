/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the target of a request to the name of a file below the root, and back into a URL.
 * Pure functions; called by response.c.
 */
#ifndef HTTPD_PATH_H
#define HTTPD_PATH_H

#include "text.h"

enum { HTTPD_PATH_MAX = 1024 }; /* bytes of a path with root and index name, with the NUL */

/*
 * Appends the path of a target in origin form ("/a%20b/?query") to out and ends it with a NUL
 * that out->len does not count: escapes are decoded once, the query is left off, "." and empty
 * segments are dropped. What is appended begins with '/' and has no ".." segment; it ends in '/'
 * where the target did. Returns 0; 400 for bad escapes, ".." and encoded slashes or NULs; 414
 * where it does not fit.
 */
int path_from_target(struct str target, struct text *out);

/* Appends a path to out as a URL: bytes that may not stand in one are escaped. */
void path_put_url(struct text *out, struct str path);

/* The query of a target with its '?', or an empty slice. */
struct str path_query(struct str target);

#endif
