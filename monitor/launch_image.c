/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `coracle image IMAGE -o DISK`: a disk that boots the image under BIOS and UEFI. Checks the image
 * and the options, writes the words of the kernel command line, and becomes the script
 * coracle-image, which lies beside this program and makes the disk.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "image.h"
#include "launch_cmdline.h"
#include "net.h"
#include "run.h"
#include "say.h"
#include "words.h"

#define SCRIPT_NAME "coracle-image"

/* netN=... for each --net that names an address. */
static int add_nets(const struct options *options, struct words *to)
{
    if (options->device_count > LAUNCH_NETS_MAX) {
        say("--net: %u networks are more than %u", options->device_count, LAUNCH_NETS_MAX);
        return -EINVAL;
    }
    for (unsigned i = 0; i < options->device_count; i++) {
        const char *spec = options->devices[i].spec;
        struct pvn_net_address address = {.prefix4 = 0};
        struct text word = {0};

        if (!strcmp(spec, "dhcp"))
            continue;
        int result = net_parse_address(spec, spec, &address);
        if (result)
            return result;
        launch_cmdline_net(&word, i, &address);
        words_add(to, "%s", word.failed ? "" : word.bytes);
        to->failed |= word.failed;
        text_free(&word);
    }
    return 0;
}

/*
 * GRUB puts a word with a space into quotes and a backslash before quotes and backslashes. Other
 * white space, and nothing at all, it cannot hand over as a part of a word.
 */
static int check_words(const struct words *words, size_t first)
{
    size_t bytes = 0;

    for (size_t i = first; i < words->count; i++) {
        const char *word = words->items[i];

        bytes += strlen(word) + 3;
        if (!word[0] || word[strcspn(word, "\t\r\n\v\f")]) {
            say("image: \"%s\": GRUB passes no word that is empty or has a tab or line break",
                word);
            return -EINVAL;
        }
        for (; *word; word++)
            bytes += strchr("\"'\\", *word) != NULL;
    }
    if (bytes <= LAUNCH_CMDLINE_MAX)
        return 0;
    say("arguments and environment make a kernel command line of %zu bytes: more than %u", bytes,
        LAUNCH_CMDLINE_MAX);
    return -E2BIG;
}

static int make_words(const struct options *options, const char *script, struct words *words)
{
    words_add(words, "%s", script);
    words_add(words, "%s", options->args[0]);
    words_add(words, "%s", options->disk);
    words_add(words, "name=%s", options->args[0]);
    for (unsigned i = 0; i < options->env_count; i++)
        words_add(words, "env.%s", options->env[i]);
    int result = add_nets(options, words);
    if (options->arg_count > 1)
        words_add(words, "--");
    for (unsigned i = 1; i < options->arg_count; i++)
        words_add(words, "%s", options->args[i]);
    if (!result && words->failed) {
        say("out of memory");
        result = -ENOMEM;
    }
    return result ? result : check_words(words, 3);
}

int make_disk_image(const struct options *options)
{
    char script[PATH_MAX];
    struct words words = {0};
    struct image image;

    if (!options->disk) {
        say("image: -o DISK is missing");
        return STATUS_USAGE;
    }
    if (image_open(&image, options->args[0]))
        return STATUS_USAGE;
    image_close(&image);
    ssize_t length = readlink("/proc/self/exe", script, sizeof script - sizeof SCRIPT_NAME);
    if (length < 0) {
        say("image: /proc/self/exe: %s", strerror(errno));
        return STATUS_MONITOR;
    }
    script[length] = 0;
    strcpy(strrchr(script, '/') + 1, SCRIPT_NAME);
    int result = make_words(options, script, &words);
    if (!result) {
        execv(script, words.items);
        say("image: %s: %s (it needs Debian's package python3)", script, strerror(errno));
    }
    words_free(&words);
    return result ? STATUS_USAGE : STATUS_MONITOR;
}
