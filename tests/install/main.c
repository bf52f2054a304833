/* A C user's first program, built against the installed library alone. */
#include <statekeep.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    keep_store *store;
    keep_status status = keep_open(&store, "postgresql://127.0.0.1:nonsense/", NULL);
    keep_op op =
        keep_state_save(store, KEEP_TEXT("agent"), KEEP_TEXT("session"), KEEP_TEXT("{}"), 0);
    keep_status saved = keep_wait(store, op, -1);
    printf("%s %s %s\n", keep_version(), keep_status_name(status), keep_op_result(store, op).data);
    keep_release(store, op);
    keep_free(store);
    return status == KEEP_INVALID && saved == KEEP_INVALID &&
                   strcmp(keep_version(), KEEP_VERSION) == 0
               ? 0
               : 1;
}
