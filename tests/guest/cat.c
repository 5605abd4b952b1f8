/* SPDX-License-Identifier: BSD-2-Clause */
/* expect-stdout: \A\Z */
/* Copies standard input to standard output; the runner gives it none, the end-to-end tests do. */
#include <unistd.h>

int main(void)
{
    char buffer[777];
    ssize_t count;

    while ((count = read(0, buffer, sizeof(buffer))) > 0)
        for (ssize_t done = 0; done < count;) {
            ssize_t step = write(1, buffer + done, (size_t)(count - done));
            if (step <= 0)
                return 1;
            done += step;
        }
    return count == 0 ? 0 : 1;
}
