/* How what a user wrote is refused: a status with a text that says which part is wrong. */
#ifndef KEEP_REFUSE_H
#define KEEP_REFUSE_H

#include "statekeep.h"

/* Sets *error to the formatted text (at most 511 bytes; freed with keep_alloc(error, 0)) and gives KEEP_INVALID; without
 * memory for it *error is NULL and KEEP_NO_MEMORY is given. */
__attribute__((format(printf, 2, 3))) keep_status refuse(char **error, const char *format, ...);

#endif
