/* Well-formed UTF-8, one character at a time. */
#ifndef KEEP_UTF8_H
#define KEEP_UTF8_H

#include <stddef.h>

/* How many bytes the character at the head of `text` has; 0 when it is ill-formed (also overlong, a surrogate, cut off
 * by `size`) or size is 0. */
static inline size_t utf8_step(const char *text, size_t size)
{
    if (size == 0)
        return 0;
    unsigned char first = (unsigned char)text[0];
    if (first < 0x80)
        return 1;
    size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || size < length)
        return 0;
    for (size_t i = 1; i < length; i++)
        if (((unsigned char)text[i] & 0xC0) != 0x80)
            return 0;
    unsigned char second = (unsigned char)text[1];
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
        (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F))
        return 0;
    return length;
}

#endif
