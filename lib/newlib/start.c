/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the kernel into the program: argv and environ out of the boot record, constructors, main,
 * exit. Called once by the kernel's start-up list, on the main thread. Descriptors 0 to 2 are
 * there from the start (posix/fd.c).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/log.h"
#include "kernel/page.h"
#include "kernel/start.h"

/* Arguments and environment up to this size live on the main thread's stack, which is touched
 * anyway; larger ones get pages of their own. */
#define ON_STACK_BYTES 2048u

extern int main(int argc, char **argv, char **environment);
/* From the linker script; constructors are in order of priority. */
extern void (*init_array_begin[])(void), (*init_array_end[])(void);
extern void (*fini_array_begin[])(void), (*fini_array_end[])(void);

/* Points vector[0..count-1] at the strings and ends it with NULL. Returns how many there are. */
static unsigned vector_fill(char **vector, unsigned count, char *strings, size_t bytes)
{
    unsigned filled = 0;
    while (filled < count && bytes > 0) {
        size_t length = strnlen(strings, bytes);
        if (length == bytes)
            break;
        vector[filled++] = strings;
        strings += length + 1;
        bytes -= length + 1;
    }
    vector[filled] = NULL;
    return filled;
}

static void run_constructors(void)
{
    for (void (**entry)(void) = init_array_begin; entry < init_array_end; entry++)
        (*entry)();
}

static void run_destructors(void)
{
    void (**entry)(void) = fini_array_end;
    while (entry > fini_array_begin)
        (*--entry)();
}

void program_start(const struct bootrec *record)
{
    size_t pointer_bytes = ((size_t)record->arg_count + record->env_count + 2) * sizeof(char *);
    size_t bytes = pointer_bytes + record->arg_bytes + record->env_bytes;
    char **vectors;
    if (bytes <= ON_STACK_BYTES)
        vectors = __builtin_alloca(bytes);
    else
        vectors = page_alloc((bytes + PAGE_BYTES - 1) / PAGE_BYTES);
    if (!vectors)
        panic("no memory for the program's arguments and environment (%zu bytes)", bytes);

    char *strings = (char *)vectors + pointer_bytes;
    memcpy(strings, record->args, record->arg_bytes);
    memcpy(strings + record->arg_bytes, record->env, record->env_bytes);
    char **argv = vectors;
    unsigned argc = vector_fill(argv, record->arg_count, strings, record->arg_bytes);
    environ = vectors + record->arg_count + 1;
    vector_fill(environ, record->env_count, strings + record->arg_bytes, record->env_bytes);

    run_constructors();
    /* Registered first, so that it runs after the program's own atexit functions. */
    if (&fini_array_begin[0] != &fini_array_end[0])
        atexit(run_destructors);
    start_stamp_main();
    exit(main((int)argc, argv, environ));
}
