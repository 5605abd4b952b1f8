/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sending half of a connection. Answers gather in one stage that all connections share, so
 * that those to pipelined requests and a head with its body leave in one piece; a connection
 * holds memory of its own only for what the network did not take. Large bodies are sent from where
 * they are in memory; files are read when they can be sent, and read again where they were not taken.
 */
#ifndef HTTPD_OUTPUT_H
#define HTTPD_OUTPUT_H

#include "response.h"

enum {
    OUTPUT_STAGE_SIZE = 32768,
    OUTPUT_BODY_MAX = 16384, /* larger bodies do not gather in the stage */
};

struct output {
    char *left; /* rendered and not yet taken, from malloc, or NULL */
    uint32_t left_len, left_at;
    uint32_t chunk;    /* bytes of a file to try next; 0 before the first */
    struct file *file; /* the body that follows, or NULL */
    uint64_t first, count;
};

/* Where answers are rendered. Empty whenever no connection is being served. */
extern struct text output_stage;

/* Is there room for one more answer in the stage? */
bool output_has_room(void);

/* Takes over the body of an answer whose head is in the stage. */
void output_set_body(struct output *o, const struct answer *answer);

/* Is something waiting that the network has not taken? Then no further answer may be rendered. */
static inline bool output_pending(const struct output *o)
{
    return o->left || o->file;
}

/*
 * Sends what waits and what is in the stage, which is empty afterwards. Returns 1 where all is
 * sent, 0 where the rest has to wait until the socket is writable, or -1 where the connection is
 * lost.
 */
int output_flush(struct output *o, int fd);

/* Forgets all that waits and gives it back. */
void output_drop(struct output *o);

#endif
