/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --env HOSTNAME=boat */
/* expect-stderr: ^tests\[1\]: number 5, Bad file number$ */
/* What a program asks about its system: limits, names, user, random numbers, log, input; and what
 * there is not: other programs, libraries. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <syslog.h>
#include <unistd.h>

#include "check.h"

static void names(void)
{
    char text[64];
    struct utsname name;
    CHECK(gethostname(text, sizeof text) == 0 && strcmp(text, "boat") == 0);
    CHECK_FAILS(gethostname(text, 3), ENAMETOOLONG);
    CHECK(uname(&name) == 0 && strcmp(name.sysname, "Coracle") == 0);
    CHECK(strcmp(name.nodename, "boat") == 0 && strcmp(name.machine, "x86_64") == 0);
    CHECK(getuid() == 0 && getpid() > 0 && strcmp(getpwuid(getuid())->pw_name, "root") == 0);
    CHECK(!getpwnam("nobody"));
}

static void limits(void)
{
    struct rlimit limit;
    CHECK(sysconf(_SC_PAGESIZE) == 4096 && sysconf(_SC_NPROCESSORS_ONLN) == 1);
    CHECK(sysconf(_SC_PHYS_PAGES) > 1000 && sysconf(_SC_AVPHYS_PAGES) > 1000);
    CHECK(sysconf(_SC_AVPHYS_PAGES) <= sysconf(_SC_PHYS_PAGES));
    CHECK_FAILS(sysconf(99999), EINVAL);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == OPEN_MAX);
    CHECK_FAILS(getrlimit(1234, &limit), EINVAL);
    CHECK(pathconf("/tmp", _PC_NAME_MAX) == 255 && sizeof(ino_t) == 8 && sizeof(off_t) == 8);
}

static void randomness(void)
{
    unsigned char first[64], second[64];
    CHECK(getentropy(first, sizeof first) == 0 && getrandom(second, sizeof second, 0) == 64);
    CHECK(memcmp(first, second, sizeof first) != 0);
    CHECK_FAILS(getentropy(first, 257), EIO);
    for (int i = 0; i < 1000; i++)
        CHECK(arc4random_uniform(10) < 10);
}

static void input(void)
{
    /* The runner gives no input: its end is readable. */
    struct pollfd stdin_ready = {0, POLLIN, 0};
    char byte;
    CHECK(poll(&stdin_ready, 1, -1) == 1 && read(0, &byte, 1) == 0 && getchar() == EOF);
    CHECK_FAILS(write(0, "x", 1), EBADF);
    CHECK_FAILS(read(1, &byte, 1), EBADF);
    CHECK_FAILS(lseek(1, 0, SEEK_SET), ESPIPE);
    struct stat status;
    CHECK(fstat(1, &status) == 0 && S_ISCHR(status.st_mode));
}

int main(void)
{
    names();
    limits();
    randomness();
    input();
    openlog("tests", LOG_PID, LOG_USER);
    setlogmask(LOG_UPTO(LOG_INFO));
    syslog(LOG_DEBUG, "not shown");
    errno = EBADF;
    syslog(LOG_INFO, "number %d, %m\n", 5);
    CHECK(system(NULL) == 0);
    CHECK_FAILS(system("true"), ENOSYS);
    CHECK_FAILS(fork(), ENOSYS);
    CHECK(!popen("true", "r") && errno == ENOSYS);
    CHECK(!dlopen("libm.so", RTLD_NOW) && strstr(dlerror(), "cannot load") && !dlerror());
    int fd = openat(AT_FDCWD, "/tmp/file", O_RDWR | O_CREAT, 0600);
    struct stat status;
    CHECK(fd == 3 && fstatat(AT_FDCWD, "/tmp/file", &status, 0) == 0 && close(fd) == 0);
    CHECK_FAILS(openat(77, "file", O_RDONLY), EBADF);
    CHECK(unlinkat(AT_FDCWD, "/tmp/file", 0) == 0);
    puts("ok");
    return 0;
}
