/* Reading the protocol's requests: which calls they name, and their arguments as bytes. */
#ifndef REQUESTS_H
#define REQUESTS_H

#include "statekeep.h"

#include <cjson/cJSON.h>

enum { ARGUMENTS_MAX = 16 };

/* The arguments of one call by position, as keep_submit() takes them; `owned` holds what had to be made for them. */
struct arguments {
    keep_text values[ARGUMENTS_MAX];
    char *owned[ARGUMENTS_MAX];
    int count;
};

/* One value of a request as bytes; *owned, when set, is to be freed. */
keep_text argument_read(const cJSON *value, char **owned);
/* Puts the arguments of a request ("args") into the order of its "names"; what is not there is NULL. */
void arguments_read(struct arguments *out, const cJSON *request);
void arguments_free(struct arguments *arguments);

#endif
