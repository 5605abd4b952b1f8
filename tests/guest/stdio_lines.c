/* SPDX-License-Identifier: BSD-2-Clause */
/* expect-stderr: \A(error \d of 5\n){5}\Z */
/* only: native microvm q35 pc */
/* One hypercall for each line that stdio writes, however many pieces its format has. (Under Xen events
 * and the timer are hypercalls, too.) */
#include "check.h"

int main(void)
{
    printf("%s\n", "the first line sets the buffer up");
    metric("coracle_hypercalls_total");
    double before = metric("coracle_hypercalls_total");
    for (int i = 0; i < 10; i++)
        printf("line %d of %s\n", i, "ten");
    for (int i = 0; i < 5; i++)
        fprintf(stderr, "error %d of %d\n", i, 5);
    double after = metric("coracle_hypercalls_total");
    CHECK(before > 0 && after == before + 15);
    puts("ok");
    return 0;
}
