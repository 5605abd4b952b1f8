/* SPDX-License-Identifier: BSD-2-Clause */
/* timegm: broken-down UTC to seconds, fields out of range carried over. Pure; any context. */
#include <errno.h>
#include <stdint.h>
#include <time.h>

/* Days from 1970-01-01 to the first day of a month (0 to 11) in the Gregorian calendar. */
static int64_t days_before_month(int64_t year, int month)
{
    /* Years begin in March here, so that the leap day is a year's last. */
    if (month < 2)
        year--;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int months_since_march = (month + 10) % 12;
    int64_t day_of_year = (153 * months_since_march + 2) / 5;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

time_t timegm(struct tm *time)
{
    int64_t year = (int64_t)time->tm_year + 1900 + time->tm_mon / 12;
    int month = time->tm_mon % 12;
    if (month < 0) {
        month += 12;
        year--;
    }
    int64_t days = days_before_month(year, month) + time->tm_mday - 1;
    time_t seconds = days * 86400 + (int64_t)time->tm_hour * 3600 + (int64_t)time->tm_min * 60 +
                     time->tm_sec;
    if (!gmtime_r(&seconds, time)) {
        errno = EOVERFLOW;
        return -1;
    }
    return seconds;
}
