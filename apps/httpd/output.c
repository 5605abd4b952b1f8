/* SPDX-License-Identifier: BSD-2-Clause */
/* The sending half of a connection, see output.h. Called by conn.c only; one thread. */
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "filecache.h"
#include "metrics.h"

enum {
    CHUNK_MIN = 4096,
    SENDS_PER_TURN = 8, /* then other connections have their turn */
};

static char stage_data[OUTPUT_STAGE_SIZE];
struct text output_stage = {stage_data, 0, sizeof(stage_data), false};

_Static_assert(RESPONSE_HEAD_MAX + OUTPUT_BODY_MAX <= OUTPUT_STAGE_SIZE,
               "a small body must fit into the stage with its head");

bool output_has_room(void)
{
    return output_stage.cap - output_stage.len >= RESPONSE_HEAD_MAX + OUTPUT_BODY_MAX;
}

void output_set_body(struct output *o, const struct answer *answer)
{
    if (!answer->file)
        return;
    if (answer->file->content && answer->count <= OUTPUT_BODY_MAX) {
        text_put(&output_stage, answer->file->content + answer->first, (size_t)answer->count);
        file_put(answer->file);
        return;
    }
    o->file = answer->file;
    o->first = answer->first;
    o->count = answer->count;
    o->chunk = OUTPUT_STAGE_SIZE;
}

void output_drop(struct output *o)
{
    free(o->left);
    file_put(o->file);
    *o = (struct output){0};
}

/* Sends both pieces once. Returns the bytes taken, 0 where the socket is full, -1 where it is lost. */
static long send_once(int fd, struct iovec pieces[2])
{
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    ssize_t n;

    do {
        n = sendmsg(fd, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
    metrics.bytes_sent += (uint64_t)n;
    return (long)n;
}

/* Returns 1, 0 or -1 like output_flush. */
static int send_left(struct output *o, int fd)
{
    struct iovec pieces[2] = {{o->left + o->left_at, o->left_len - o->left_at}};
    long n = send_once(fd, pieces);

    if (n < 0)
        return -1;
    o->left_at += (uint32_t)n;
    if (o->left_at < o->left_len)
        return 0;
    free(o->left);
    o->left = NULL;
    return 1;
}

/* Keeps the end of the stage for later. */
static bool keep_left(struct output *o, size_t from, size_t to)
{
    o->left_at = 0;
    o->left_len = (uint32_t)(to - from);
    o->left = malloc(to - from);
    if (o->left)
        memcpy(o->left, stage_data + from, to - from);
    return o->left != NULL;
}

/* Fills the stage up with the next bytes of the file. False where it cannot be read. */
static bool stage_file(struct output *o)
{
    size_t room = output_stage.cap - output_stage.len;
    long n;

    if (room > o->chunk)
        room = o->chunk;
    if (room > o->count)
        room = (size_t)o->count;
    n = file_read(o->file, stage_data + output_stage.len, room, o->first);
    if (n < 0)
        return false;
    output_stage.len += (size_t)n;
    return true;
}

/* So many bytes of the file are with the network. */
static void advance_file(struct output *o, size_t taken, bool all)
{
    o->first += taken;
    o->count -= taken;
    if (o->count == 0) {
        file_put(o->file);
        o->file = NULL;
    } else if (all) {
        o->chunk = o->chunk < OUTPUT_STAGE_SIZE / 2 ? o->chunk * 2 : OUTPUT_STAGE_SIZE;
    } else {
        o->chunk = taken > CHUNK_MIN ? (uint32_t)taken : CHUNK_MIN;
    }
}

/* Sends the stage and as much of the file as goes. Returns 1, 0 or -1 like output_flush. */
static int send_stage(struct output *o, int fd)
{
    struct iovec pieces[2] = {{stage_data, output_stage.len}};
    size_t rendered = output_stage.len, all;
    long n;

    if (o->file && o->file->content)
        pieces[1] = (struct iovec){o->file->content + o->first, (size_t)o->count};
    else if (o->file && !stage_file(o))
        return -1;
    pieces[0].iov_len = output_stage.len;
    all = pieces[0].iov_len + pieces[1].iov_len;
    output_stage.len = 0;
    n = send_once(fd, pieces);
    if (n < 0)
        return -1;
    if ((size_t)n < rendered)
        return keep_left(o, (size_t)n, rendered) ? 0 : -1;
    if (o->file)
        advance_file(o, (size_t)n - rendered, (size_t)n == all);
    return (size_t)n == all;
}

int output_flush(struct output *o, int fd)
{
    int result = 1;

    /* Answers are rendered only while nothing is left, so what is left precedes the stage. */
    if (o->left)
        result = send_left(o, fd);
    for (int i = 0; result == 1 && (output_stage.len > 0 || o->file); i++) {
        if (i == SENDS_PER_TURN)
            return 0;
        result = send_stage(o, fd);
    }
    if (result < 0)
        output_stage.len = 0;
    return result;
}
