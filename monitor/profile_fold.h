/* SPDX-License-Identifier: BSD-2-Clause */
/* A profile with names: folded stacks, one a line, as flame-graph tools read them. Pure code. */
#ifndef MONITOR_PROFILE_FOLD_H
#define MONITOR_PROFILE_FOLD_H

#include <stddef.h>
#include <stdint.h>

#include "elf.h"
#include "profile_text.h"
#include "words.h"

/*
 * Adds "thread;outermost;...;innermost COUNT" for each stack to `out`, the most frequent first, then
 * "[idle] COUNT" and "[lost] COUNT" where there were such. `reader` is behind the head. PROFILE_DONE,
 * or what is wrong with the profile; out->failed when there is no memory.
 */
enum profile_result profile_fold(struct profile_reader *reader, const uint8_t *file,
                                 const struct elf_image *elf, struct text *out);

#endif
