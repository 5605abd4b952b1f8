/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * httpd, the web appliance: serves the files below a directory, by default those of the first disk,
 * which is mounted at "/". This file reads the command line; server.c does the rest.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "filecache.h"
#include "log.h"
#include "response.h"
#include "server.h"

static int usage(void)
{
    fprintf(stderr, "usage: httpd [-p PORT] [-r ROOT] [-q] [-c MAXCONN] [-t IDLE_SECONDS]\n"
                    "  -p PORT          TCP port, 0 for any free one (80)\n"
                    "  -r ROOT          directory to serve (/)\n"
                    "  -q               no access log on standard output\n"
                    "  -c MAXCONN       connections at once (4096)\n"
                    "  -t IDLE_SECONDS  how long a connection may rest (30)\n");
    return 2;
}

/* Reads a number between least and most. False, with a message, where it is none. */
static bool parse_number(char option, const char *text, unsigned least, unsigned most,
                         unsigned *value)
{
    struct str s = {text, strlen(text)};
    uint64_t number;

    if (str_take_u64(&s, &number) && s.len == 0 && number >= least && number <= most) {
        *value = (unsigned)number;
        return true;
    }
    fprintf(stderr, "httpd: -%c %s: not a number from %u to %u\n", option, text, least, most);
    return false;
}

int main(int argc, char **argv)
{
    struct server_options options = {.root = "/", .port = 80, .max_conns = 4096, .idle_s = 30};
    unsigned number = 0;
    bool good = true;
    int option;

    while (good && (option = getopt(argc, argv, "p:r:qc:t:")) != -1) {
        switch (option) {
        case 'p':
            good = parse_number('p', optarg, 0, 65535, &number);
            options.port = (uint16_t)number;
            break;
        case 'r':
            options.root = optarg;
            break;
        case 'q':
            log_enabled = false;
            break;
        case 'c':
            good = parse_number('c', optarg, 1, 1000000, &options.max_conns);
            break;
        case 't':
            good = parse_number('t', optarg, 1, 86400, &options.idle_s);
            break;
        default:
            return usage();
        }
    }
    if (!good)
        return 2;
    if (optind < argc)
        return usage();
    if (response_set_root(options.root) != 0) {
        fprintf(stderr, "httpd: -r %s: name too long\n", options.root);
        return 1;
    }
    if (filecache_set_root(options.root) != 0)
        return 1;
    return server_run(&options);
}
