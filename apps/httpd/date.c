/* SPDX-License-Identifier: BSD-2-Clause */
/* Dates, see date.h. The calendar is the proleptic Gregorian one; leap seconds are not counted. */
#include "date.h"

static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char day_names[] = "ThuFriSatSunMonTueWed"; /* 1 January 1970: a Thursday */

struct civil {
    int64_t year;
    unsigned month; /* 0 to 11 */
    unsigned day;   /* 1 to 31 */
};

/* Days since 1970 of a date. Years are counted from March, so that leap days come last. */
static int64_t days_of(struct civil c)
{
    int64_t year = c.month < 2 ? c.year - 1 : c.year;
    unsigned month = (c.month + 10) % 12;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (int64_t)month + 2) / 5 + c.day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static struct civil civil_of(int64_t days)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) /
                   365;
    int64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (unsigned)((5 * day_of_year + 2) / 153);
    struct civil c = {
        .year = year + era * 400 + (month >= 10),
        .month = (month + 2) % 12,
        .day = (unsigned)(day_of_year - (153 * (int64_t)month + 2) / 5 + 1),
    };

    return c;
}

static void split(int64_t time_s, int64_t *days, unsigned *second)
{
    *days = time_s / 86400;
    if (time_s % 86400 < 0)
        --*days;
    *second = (unsigned)(time_s - *days * 86400);
}

static void put_clock(struct text *out, unsigned second)
{
    text_put_2digits(out, second / 3600);
    TEXT_LIT(out, ":");
    text_put_2digits(out, second / 60 % 60);
    TEXT_LIT(out, ":");
    text_put_2digits(out, second % 60);
}

static void put_year(struct text *out, int64_t year)
{
    text_put_2digits(out, (unsigned)(year / 100));
    text_put_2digits(out, (unsigned)(year % 100));
}

void date_put_http(struct text *out, int64_t time_s)
{
    int64_t days;
    unsigned second;
    struct civil c;

    split(time_s, &days, &second);
    c = civil_of(days);
    text_put(out, day_names + (days % 7 + 7) % 7 * 3, 3);
    TEXT_LIT(out, ", ");
    text_put_2digits(out, c.day);
    TEXT_LIT(out, " ");
    text_put(out, month_names + c.month * 3, 3);
    TEXT_LIT(out, " ");
    put_year(out, c.year);
    TEXT_LIT(out, " ");
    put_clock(out, second);
    TEXT_LIT(out, " GMT");
}

void date_put_log(struct text *out, int64_t time_s)
{
    int64_t days;
    unsigned second;
    struct civil c;

    split(time_s, &days, &second);
    c = civil_of(days);
    text_put_2digits(out, c.day);
    TEXT_LIT(out, "/");
    text_put(out, month_names + c.month * 3, 3);
    TEXT_LIT(out, "/");
    put_year(out, c.year);
    TEXT_LIT(out, ":");
    put_clock(out, second);
    TEXT_LIT(out, " +0000");
}

/* What one pattern letter of scan() has read. */
struct fields {
    struct civil date;
    unsigned hour, minute, second;
};

static bool digits(const char *p, size_t count, unsigned *value)
{
    *value = 0;
    for (size_t i = 0; i < count; i++) {
        if (p[i] < '0' || p[i] > '9')
            return false;
        *value = *value * 10 + (unsigned)(p[i] - '0');
    }
    return true;
}

static bool month_of(const char *p, unsigned *month)
{
    for (*month = 0; *month < 12; ++*month)
        if (memcmp(p, month_names + *month * 3, 3) == 0)
            return true;
    return false;
}

/*
 * Reads s by a pattern as long as s: DD day (a blank for its first digit is allowed), BBB month,
 * YYYY or YY year, hh, mm, ss; every other byte stands for itself.
 */
static bool scan(struct str s, const char *pattern, struct fields *f)
{
    unsigned year = 0;

    if (s.len != strlen(pattern))
        return false;
    for (size_t i = 0; i < s.len;) {
        const char *p = s.p + i;
        bool good;

        switch (pattern[i]) {
        case 'D':
            good = p[0] == ' ' ? digits(p + 1, 1, &f->date.day) : digits(p, 2, &f->date.day);
            i += 2;
            break;
        case 'B':
            good = month_of(p, &f->date.month);
            i += 3;
            break;
        case 'Y': {
            size_t width = pattern[i + 2] == 'Y' ? 4 : 2;
            good = digits(p, width, &year);
            f->date.year = year;
            i += width;
            break;
        }
        case 'h':
        case 'm':
        case 's':
            good = digits(p, 2,
                          pattern[i] == 'h'   ? &f->hour
                          : pattern[i] == 'm' ? &f->minute
                                              : &f->second);
            i += 2;
            break;
        default:
            good = *p == pattern[i];
            i++;
        }
        if (!good)
            return false;
    }
    return true;
}

/* A two-digit year that seems more than 50 years ahead is one of the past (RFC 9110, 5.6.7). */
static int64_t full_year(int64_t two_digits, int64_t now_s)
{
    int64_t this_year = civil_of(now_s / 86400).year;
    int64_t year = this_year - this_year % 100 + two_digits;

    return year > this_year + 50 ? year - 100 : year;
}

bool date_parse(struct str s, int64_t now_s, int64_t *time_s)
{
    struct fields f = {{0, 0, 0}, 0, 0, 0};
    const char *comma = memchr(s.p, ',', s.len);
    struct str rest = comma ? (struct str){comma, (size_t)(s.p + s.len - comma)} : s;

    if (comma && scan(rest, ", DD-BBB-YY hh:mm:ss GMT", &f)) {
        f.date.year = full_year(f.date.year, now_s);
    } else if (!comma || !scan(rest, ", DD BBB YYYY hh:mm:ss GMT", &f)) {
        if (comma || s.len != 24)
            return false;
        if (!scan((struct str){s.p + 3, s.len - 3}, " BBB DD hh:mm:ss YYYY", &f))
            return false;
    }
    if (f.date.day < 1 || f.date.day > 31 || f.hour > 23 || f.minute > 59 || f.second > 60)
        return false;
    *time_s = days_of(f.date) * 86400 + f.hour * 3600 + f.minute * 60 + f.second;
    return true;
}
