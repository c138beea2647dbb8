/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* store-holder DIRECTORY: begins a write transaction in a link store, as any process of root can,
 * prints "held", and waits: other writers are blocked until it is killed. */

#include <lmdb.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
        MDB_env *env;
        MDB_txn *txn;

        if (argc != 2 || mdb_env_create(&env) != 0 ||
            mdb_env_open(env, argv[1], MDB_NOTLS, 0600) != 0 ||
            mdb_txn_begin(env, NULL, 0, &txn) != 0)
                return 1;
        puts("held");
        fflush(stdout);
        pause();
        return 0;
}
