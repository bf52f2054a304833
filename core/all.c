/* The whole core as one file, for packages that compile it along with their own. */
#define _GNU_SOURCE
#include "src/ident.c"
#include "src/io.c"
#include "src/refuse.c"
#include "src/watch.c"
