/* Texts of time as Times, for documents and for rows. */

%{
#include <limits.h>
#include <time.h>

enum {
    TIME_UTC_OFFSET = INT_MAX - 1, /* UTC as rb_time_timespec_new() names it */
    STAMP_SIZE = 20,               /* of 2026-11-21T05:58:36Z */
};

/* The number of `count` digits, or -1. */
static int digits_at(const char *text, int count)
{
    int number = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

/* Days from 1970-01-01 to the first of a month, in the Gregorian calendar of all times. */
static int64_t days_to(int year, int month)
{
    int64_t shifted = month <= 2 ? year - 1 : year; /* years that begin in March end in their leap day */
    int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400, within = shifted - era * 400;
    int64_t day = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5;
    return era * 146097 + within * 365 + within / 4 - within / 100 + day - 719468;
}

/* Seconds since 1970 of "2026-11-21T05:58:36", read as UTC; what stands between the numbers is not looked at. */
static bool seconds_of(const char *at, int64_t *seconds)
{
    int year = digits_at(at, 4), month = digits_at(at + 5, 2), day = digits_at(at + 8, 2);
    int hour = digits_at(at + 11, 2), minute = digits_at(at + 14, 2), second = digits_at(at + 17, 2);
    if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 ||
        minute > 59 || second < 0 || second > 59)
        return false;
    *seconds = (((days_to(year, month) + day - 1) * 24 + hour) * 60 + minute) * 60 + second;
    return true;
}

/* An offset such as +05, -03:30 or +00:19:32 in seconds; false when `at` is none. */
static bool offset_of(const char *at, const char *end, int *offset)
{
    int parts[3] = {0, 0, 0}, sign = *at == '-' ? -1 : 1;
    if (at == end || (*at != '+' && *at != '-'))
        return false;
    at++;
    for (int i = 0; i < 3 && at < end; i++) {
        if (end - at < 2 || (parts[i] = digits_at(at, 2)) < 0)
            return false;
        at += 2;
        if (at < end && (*at++ != ':' || at == end))
            return false;
    }
    *offset = sign * ((parts[0] * 60 + parts[1]) * 60 + parts[2]);
    return at == end;
}
%}

%inline %{
/* The Time of the server's text for a timestamp with a zone, in that zone; nil for what is none (infinity, years before
 * Christ or after 9999). */
static VALUE core_zoned_time(VALUE text)
{
    Check_Type(text, T_STRING);
    const char *at = RSTRING_PTR(text), *end = at + RSTRING_LEN(text);
    struct timespec time = {.tv_nsec = 0};
    int64_t seconds;
    int offset;
    if (end - at < 22 || at[4] != '-' || at[10] != ' ' || !seconds_of(at, &seconds))
        return Qnil;
    at += 19;
    if (*at == '.') {
        long unit = 100000000;
        for (at++; at < end && *at >= '0' && *at <= '9'; at++, unit /= 10)
            time.tv_nsec += (*at - '0') * unit;
    }
    if (!offset_of(at, end, &offset))
        return Qnil;
    time.tv_sec = (time_t)(seconds - offset);
    VALUE made = rb_time_timespec_new(&time, offset == 0 ? TIME_UTC_OFFSET : offset);
    RB_GC_GUARD(text);
    return made;
}

/* The Hashes of rows: an Array of Arrays of values in the order of `columns`, which are frozen. */
static VALUE core_hashes(VALUE rows, VALUE columns)
{
    Check_Type(rows, T_ARRAY);
    Check_Type(columns, T_ARRAY);
    long width = RARRAY_LEN(columns);
    VALUE hashes = rb_ary_new_capa(RARRAY_LEN(rows));
    for (long i = 0; i < RARRAY_LEN(rows); i++) {
        VALUE row = rb_ary_entry(rows, i), hash = rb_hash_new();
        Check_Type(row, T_ARRAY);
        for (long column = 0; column < width; column++)
            rb_hash_aset(hash, rb_ary_entry(columns, column), rb_ary_entry(row, column));
        rb_ary_push(hashes, hash);
    }
    return hashes;
}
%}
