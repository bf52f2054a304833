/* Arguments of requests as bytes. */
#include "requests.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int sextet(char letter)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = letter ? strchr(letters, letter) : NULL;
    return found ? (int)(found - letters) : -1;
}

static keep_text decode_base64(const char *text, char **owned)
{
    char *bytes = malloc(strlen(text) + 1);
    size_t size = 0;
    unsigned bits = 0;
    int held = 0;
    for (; sextet(*text) >= 0; text++) {
        bits = bits << 6 | (unsigned)sextet(*text);
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes[size++] = (char)(bits >> held & 0xff);
        }
    }
    bytes[size] = '\0';
    *owned = bytes;
    return (keep_text){bytes, size};
}

static keep_text text_of(const cJSON *value, char **owned)
{
    if (cJSON_IsString(value))
        return (keep_text){value->valuestring, strlen(value->valuestring)};
    if (cJSON_IsNumber(value)) {
        /* cJSON keeps a double beside the text; beyond 2^53 its neighbour would be sent. */
        *owned = malloc(32);
        bool most = value->valuedouble >= (double)INT64_MAX;
        snprintf(*owned, 32, "%lld", most ? (long long)INT64_MAX : (long long)value->valuedouble);
    } else if (cJSON_IsBool(value)) {
        *owned = strdup(cJSON_IsTrue(value) ? "true" : "false");
    } else {
        return (keep_text){NULL, 0};
    }
    return (keep_text){*owned, strlen(*owned)};
}

static keep_text decode_vector(const cJSON *numbers, char **owned)
{
    float *floats = malloc(sizeof *floats * (size_t)(cJSON_GetArraySize(numbers) + 1));
    size_t count = 0;
    const cJSON *number;
    cJSON_ArrayForEach(number, numbers) floats[count++] = (float)number->valuedouble;
    *owned = (char *)floats;
    return (keep_text){*owned, count * sizeof *floats};
}

keep_text argument_read(const cJSON *value, char **owned)
{
    const cJSON *form = value && cJSON_IsObject(value) ? value->child : NULL;
    if (!form)
        return text_of(value, owned);
    if (strcmp(form->string, "json") == 0)
        return text_of(form, owned);
    if (strcmp(form->string, "value") == 0) {
        *owned = cJSON_PrintUnformatted(form);
        return (keep_text){*owned, strlen(*owned)};
    }
    if (strcmp(form->string, "vector") == 0)
        return decode_vector(form, owned);
    return decode_base64(form->valuestring, owned);
}

void arguments_read(struct arguments *out, const cJSON *request)
{
    *out = (struct arguments){.count = 0};
    const cJSON *args = cJSON_GetObjectItem(request, "args");
    const cJSON *name;
    cJSON_ArrayForEach(name, cJSON_GetObjectItem(request, "names"))
    {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(args, name->valuestring);
        out->values[out->count] = argument_read(value, &out->owned[out->count]);
        out->count++;
    }
}

void arguments_free(struct arguments *arguments)
{
    for (int i = 0; i < arguments->count; i++)
        free(arguments->owned[i]);
}
