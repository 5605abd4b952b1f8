/* SPDX-License-Identifier: BSD-2-Clause */
/* A client of xenstore that asks one question; see launch_xenstore.h. */
#include "launch_xenstore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* xen/io/xs_wire.h */
#define XS_READ 2u
#define XS_ERROR 16u
#define PAYLOAD_BYTES_MAX 4096u

struct message {
    uint32_t type, request, transaction, bytes;
};

static int open_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (!connect(fd, (struct sockaddr *)&address, sizeof address))
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

/* libxenstore's names for it, and its order. */
static int open_store(void)
{
    const char *named = getenv("XENSTORED_PATH");
    int fd = open_socket(named ? named : "/run/xenstored/socket");

    if (fd < 0 && !named)
        fd = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
    return fd < 0 && !named ? -errno : fd;
}

/* 0 when all of it has come. */
static int read_all(int fd, void *to, size_t count)
{
    for (size_t done = 0; done < count;) {
        ssize_t got = read(fd, (char *)to + done, count - done);

        if (got == 0)
            return -EPIPE;
        if (got < 0 && errno != EINTR)
            return -errno;
        done += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

static int ask(int fd, const char *path)
{
    char bytes[sizeof(struct message) + 256];
    struct message message = {.type = XS_READ, .bytes = (uint32_t)strlen(path) + 1};
    size_t count = sizeof message + message.bytes;

    if (count > sizeof bytes)
        return -ENAMETOOLONG;
    memcpy(bytes, &message, sizeof message);
    memcpy(bytes + sizeof message, path, message.bytes);
    ssize_t put = send(fd, bytes, count, MSG_NOSIGNAL);
    if (put < 0 && errno == ENOTSOCK)
        put = write(fd, bytes, count);
    return put < 0 ? -errno : (size_t)put < count ? -EIO : 0;
}

static int answer(int fd, char *value, size_t room)
{
    char payload[PAYLOAD_BYTES_MAX + 1];
    struct message message;
    int result = read_all(fd, &message, sizeof message);

    if (!result && message.bytes > PAYLOAD_BYTES_MAX)
        result = -EIO;
    if (!result)
        result = read_all(fd, payload, message.bytes);
    if (result)
        return result;
    payload[message.bytes] = 0;
    if (message.type == XS_ERROR)
        return !strcmp(payload, "ENOENT") ? -ENOENT : -EIO;
    if (message.type != XS_READ)
        return -EIO;
    if (message.bytes >= room)
        return -EMSGSIZE;
    memcpy(value, payload, message.bytes + 1);
    return (int)message.bytes;
}

int launch_xenstore_read(const char *path, char *value, size_t room)
{
    int fd = open_store();

    if (fd < 0)
        return fd;
    int result = ask(fd, path);
    if (!result)
        result = answer(fd, value, room);
    close(fd);
    return result;
}
