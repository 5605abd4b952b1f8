/* SPDX-License-Identifier: BSD-2-Clause */
/* only: native */
/* expect: status 134 */
/* expect-stderr: crash: general protection: a privileged instruction */
/* Executes an instruction of ring 0, where the guest runs in ring 3: CLI, hidden from the build's
 * check in another's operand. */

int main(void)
{
    __asm__ volatile("jmp 1f + 1\n"
                     "1: movl $0x909090fa, %%eax"
                     :
                     :
                     : "eax");
    return 0;
}
