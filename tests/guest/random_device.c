/* SPDX-License-Identifier: BSD-2-Clause */
/* run: --rng */
/* only: microvm q35 pc */
/* The generator takes bytes from virtio-rng: asked for at the first use, mixed in when they come. */
#include <time.h>
#include <unistd.h>

#include "check.h"

int main(void)
{
    const struct timespec moment = {.tv_nsec = 10000000};
    unsigned char bytes[16];

    CHECK(metric("coracle_random_device_bytes_total") == 0);
    for (int i = 0; i < 500 && metric("coracle_random_device_bytes_total") == 0; i++) {
        CHECK(getentropy(bytes, sizeof bytes) == 0);
        nanosleep(&moment, NULL);
    }
    CHECK(metric("coracle_random_device_bytes_total") >= 32);
    puts("ok");
    return 0;
}
