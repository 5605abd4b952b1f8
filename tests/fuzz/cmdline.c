/* SPDX-License-Identifier: BSD-2-Clause */
/* sources: monitor/options.c */
/* Any words as a command line: each zero byte ends a word. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"
#include "pvabi/native.h"

#define WORDS_MAX 600

static void must(int holds)
{
    if (!holds)
        abort();
}

static void check(const struct options *options, int argc, char **argv)
{
    if (options->command == COMMAND_HELP || options->command == COMMAND_VERSION)
        return;
    must(options->arg_count >= 1 && options->args + options->arg_count == argv + argc);
    must(options->args[0][0] != 0);
    must(options->mem_bytes >= PVN_PAGE_SIZE && options->mem_bytes % PVN_PAGE_SIZE == 0);
    must(options->env_count <= OPTIONS_ENV_MAX && options->device_count <= OPTIONS_DEVICES_MAX);
    for (unsigned i = 0; i < options->env_count; i++)
        must(strchr(options->env[i], '=') > options->env[i]);
    for (unsigned i = 0; i < options->device_count; i++)
        must(options->devices[i].spec != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct options options;
    char error[OPTIONS_ERROR_MAX], *argv[WORDS_MAX + 2];
    char *text = malloc(bytes + 1);
    int argc = 0;

    memcpy(text, data, bytes);
    text[bytes] = 0;
    for (size_t at = 0; at <= bytes && argc <= WORDS_MAX; at += strlen(text + at) + 1)
        argv[argc++] = text + at;
    argv[argc] = NULL;
    if (options_parse(argc, argv, &options, error)) {
        must(error[0] != 0 && strlen(error) < sizeof error);
        for (const char *at = error; *at; at++)
            must((unsigned char)*at >= 0x20);
    } else {
        check(&options, argc, argv);
    }
    free(text);
    return 0;
}
