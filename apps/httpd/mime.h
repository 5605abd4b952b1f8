/* SPDX-License-Identifier: BSD-2-Clause */
/* From a file's name to its media type. Called when a file enters the cache. */
#ifndef HTTPD_MIME_H
#define HTTPD_MIME_H

#include "text.h"

/* The media type for a path, by the ending of its last segment; never NULL. */
const char *mime_type(struct str path);

#endif
