#include "refuse.h"

#include "io.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

keep_status refuse(char **error, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t size = length < (int)sizeof text ? (size_t)length : sizeof text - 1;
    *error = keep_alloc(NULL, size + 1);
    if (*error == NULL)
        return KEEP_NO_MEMORY;
    memcpy(*error, text, size);
    (*error)[size] = '\0';
    return KEEP_INVALID;
}
