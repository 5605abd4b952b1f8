/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Gives up privileges and closes the system-call filter. The filters are compiled at build time
 * (gen/seccomp_filter.c). See sandbox.h.
 */
#include "sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "say.h"
#include "seccomp_filter.h"

#define NOBODY 65534u

static int complain(const char *what)
{
    int error = errno;
    say("sandbox: %s: %s", what, strerror(error));
    return -error;
}

/* Root becomes nobody. Plain system calls: there is one thread. In a user namespace that does not
 * know nobody the identity stays, without its capabilities. */
static int drop_root(void)
{
    if (geteuid() != 0)
        return 0;
    if (syscall(SYS_setgroups, 0, NULL) && errno != EPERM)
        return complain("groups");
    if (syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) && errno != EINVAL)
        return complain("group");
    if (syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) && errno != EINVAL)
        return complain("user");
    return 0;
}

int sandbox_drop_privileges(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

    /* The bounding set says what could come back: nothing. Only the privileged can and need empty
     * it; the first refusal says that we are not, or that the last capability is passed. */
    for (unsigned long capability = 0; capability < 64; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0))
            break;
    int result = drop_root();
    if (result)
        return result;
    if (syscall(SYS_capset, &header, none))
        return complain("capabilities");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return complain("no new privileges");
    return 0;
}

int sandbox_close(bool user_network)
{
    const struct sock_fprog plain = {
        .len = sizeof seccomp_filter_plain / sizeof seccomp_filter_plain[0],
        .filter = (struct sock_filter *)(uintptr_t)seccomp_filter_plain,
    };
    const struct sock_fprog with_sockets = {
        .len = sizeof seccomp_filter_user_network / sizeof seccomp_filter_user_network[0],
        .filter = (struct sock_filter *)(uintptr_t)seccomp_filter_user_network,
    };

    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
                user_network ? &with_sockets : &plain))
        return complain("the system-call filter");
    return 0;
}
