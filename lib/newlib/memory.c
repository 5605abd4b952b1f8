/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memcpy, memmove, memset and memchr in the place of newlib's for this architecture, which store past the caches
 * from 256 bytes on, byte by byte below 16. What is copied here is mostly a header or a packet that
 * somebody looks at next. Ends overlap instead of being gone through in steps, so that any short length
 * takes a few branches. Uses vector registers, so it is not for code that runs between an interrupt and
 * the saving of them; such code has none of these calls.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Loops that copy are not to become calls of these functions. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

#define PIECE(type, name) typedef type name __attribute__((may_alias, aligned(1)))
PIECE(uint16_t, piece2);
PIECE(uint32_t, piece4);
PIECE(uint64_t, piece8);
typedef uint64_t piece16 __attribute__((vector_size(16), may_alias, aligned(1)));

typedef char bytes16 __attribute__((vector_size(16), may_alias));

#define STEP_BYTES (4 * sizeof(piece16))

/* Both ends with one piece each, read before either is written: for sizeof(type) to twice that. */
#define COPY_ENDS(type)                                                                        \
    do {                                                                                       \
        type first = *(const type *)from, last = *(const type *)(from + count - sizeof(type)); \
        *(type *)to = first;                                                                   \
        *(type *)(to + count - sizeof(type)) = last;                                           \
    } while (0)

static inline void copy_short(char *to, const char *from, size_t count)
{
    if (count >= 8)
        COPY_ENDS(piece8);
    else if (count >= 4)
        COPY_ENDS(piece4);
    else if (count >= 2)
        COPY_ENDS(piece2);
    else if (count)
        *to = *from;
}

static inline void copy_step(char *to, const char *from)
{
    const piece16 *source = (const piece16 *)from;
    piece16 *target = (piece16 *)to;
    piece16 a = source[0], b = source[1], c = source[2], d = source[3];

    target[0] = a;
    target[1] = b;
    target[2] = c;
    target[3] = d;
}

/* From 16 bytes to 128, the ranges may overlap. */
static inline void copy_middle(char *to, const char *from, size_t count)
{
    const piece16 *source = (const piece16 *)from, *source_end = (const piece16 *)(from + count);
    piece16 *target = (piece16 *)to, *target_end = (piece16 *)(to + count);
    piece16 a = source[0], z = source_end[-1], b, c, d, w, x, y;

    if (count > 32) {
        b = source[1], y = source_end[-2];
        if (count > 64) {
            c = source[2], d = source[3], w = source_end[-4], x = source_end[-3];
            target[2] = c;
            target[3] = d;
            target_end[-4] = w;
            target_end[-3] = x;
        }
        target[1] = b;
        target_end[-2] = y;
    }
    target[0] = a;
    target_end[-1] = z;
}

/* More than 128 bytes upwards; `to` is below `from`, or behind its end. */
static inline void copy_up(char *to, const char *from, size_t count)
{
    const piece16 *source_end = (const piece16 *)(from + count);
    piece16 *target_end = (piece16 *)(to + count);
    piece16 w = source_end[-4], x = source_end[-3], y = source_end[-2], z = source_end[-1];

    for (; count > 2 * STEP_BYTES; count -= 2 * STEP_BYTES) {
        copy_step(to, from);
        copy_step(to + STEP_BYTES, from + STEP_BYTES);
        from += 2 * STEP_BYTES;
        to += 2 * STEP_BYTES;
    }
    if (count > STEP_BYTES)
        copy_step(to, from);
    target_end[-4] = w;
    target_end[-3] = x;
    target_end[-2] = y;
    target_end[-1] = z;
}

/* The same downwards, where `to` lies amid what is read. */
static void copy_down(char *to, const char *from, size_t count)
{
    const piece16 *source = (const piece16 *)from;
    piece16 *target = (piece16 *)to;
    piece16 a = source[0], b = source[1], c = source[2], d = source[3];

    for (; count > STEP_BYTES; count -= STEP_BYTES)
        copy_step(to + count - STEP_BYTES, from + count - STEP_BYTES);
    target[0] = a;
    target[1] = b;
    target[2] = c;
    target[3] = d;
}

void *memmove(void *to, const void *from, size_t count)
{
    if (count < 16)
        copy_short(to, from, count);
    else if (count <= 2 * STEP_BYTES)
        copy_middle(to, from, count);
    else if ((uintptr_t)to - (uintptr_t)from >= count)
        copy_up(to, from, count);
    else
        copy_down(to, from, count);
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t count)
    __attribute__((alias("memmove")));

#define SET_ENDS(type)                                        \
    do {                                                      \
        *(type *)at = (type)pattern;                          \
        *(type *)(at + count - sizeof(type)) = (type)pattern; \
    } while (0)

void *memset(void *to, int byte, size_t count)
{
    uint64_t pattern = (uint8_t)byte * 0x0101010101010101ull;
    piece16 wide = {pattern, pattern};
    char *at = to;
    piece16 *at16 = to, *end16 = (piece16 *)(at + count);

    if (count < 16) {
        if (count >= 8)
            SET_ENDS(piece8);
        else if (count >= 4)
            SET_ENDS(piece4);
        else if (count >= 2)
            SET_ENDS(piece2);
        else if (count)
            *at = (char)byte;
        return to;
    }
    if (count <= STEP_BYTES) {
        if (count > 32)
            at16[1] = end16[-2] = wide;
        at16[0] = end16[-1] = wide;
        return to;
    }
    for (; count > STEP_BYTES; count -= STEP_BYTES, at16 += 4)
        at16[0] = at16[1] = at16[2] = at16[3] = wide;
    end16[-4] = end16[-3] = end16[-2] = end16[-1] = wide;
    return to;
}

/* A bit for each byte of an aligned piece that is the wanted one. */
static inline unsigned matches(const piece16 *at, bytes16 wanted)
{
    return (unsigned)__builtin_ia32_pmovmskb128(*(const bytes16 *)at == wanted);
}

/* An aligned piece lies in one page, so all of it can be read where one byte of it can. */
void *memchr(const void *bytes, int byte, size_t count)
{
    size_t before = (uintptr_t)bytes % sizeof(piece16), done = sizeof(piece16) - before;
    const piece16 *at = (const piece16 *)((const char *)bytes - before);
    bytes16 wanted = (bytes16){0} + (char)byte;
    unsigned found = matches(at, wanted) >> before;

    if (found) {
        done = 0;
    } else {
        for (; done < count; done += sizeof(piece16)) {
            found = matches(++at, wanted);
            if (found)
                break;
        }
    }
    if (!found || done + (unsigned)__builtin_ctz(found) >= count)
        return NULL;
    return (char *)(uintptr_t)bytes + done + __builtin_ctz(found);
}
