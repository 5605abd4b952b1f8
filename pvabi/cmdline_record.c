/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of this VM, for the boot record. For the platforms that are handed a line; the
 * parser is a file of its own, because the host's tests know no record.
 */
#include "arch/bootrec.h"
#include "pvabi/cmdline.h"
#include "pvabi/report.h"

struct pv_cmdline pv_cmdline;

void pv_cmdline_hand_over(struct bootrec *record)
{
    if (pv_cmdline.wrong != NULL) {
        pv_say("boot: ");
        pv_say(pv_cmdline.wrong);
        pv_say("\n");
    }
    record->profile_hz = pv_cmdline.profile_hz;
    record->args = pv_cmdline.args;
    record->arg_count = pv_cmdline.arg_count;
    record->arg_bytes = pv_cmdline.arg_bytes;
    record->env = pv_cmdline.env;
    record->env_count = pv_cmdline.env_count;
    record->env_bytes = pv_cmdline.env_bytes;
}

struct pv_net_address pv_cmdline_net_address(unsigned index)
{
    struct pv_net_address address = {.prefix4 = 0};
    const struct pv_cmdline_net *given;

    if (index >= PV_CMDLINE_NETS_MAX)
        return address;
    given = &pv_cmdline.net[index];
    __builtin_memcpy(address.ip4, given->ip4, sizeof(address.ip4));
    __builtin_memcpy(address.gateway4, given->gateway4, sizeof(address.gateway4));
    __builtin_memcpy(address.dns4, given->dns4, sizeof(address.dns4));
    address.prefix4 = given->prefix4;
    return address;
}
