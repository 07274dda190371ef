// SQLite (Debian's libsqlite3-dev).
#pragma once
#include <sqlite3.h>

// With SQLITE_TRANSIENT, a cast that Swift does not import: SQLite copies bound values.
static inline int kbs_sqlite3_bind_text(sqlite3_stmt *statement, int index, const char *text, sqlite3_uint64 size) {
    return sqlite3_bind_text64(statement, index, text, size, SQLITE_TRANSIENT, SQLITE_UTF8);
}
static inline int kbs_sqlite3_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 size) {
    return sqlite3_bind_blob64(statement, index, bytes, size, SQLITE_TRANSIENT);
}
// Makes text in double quotes a name and never a string, so that a column's misspelt name is an error. Variadic.
static inline int kbs_sqlite3_refuse_quoted_strings(sqlite3 *connection) {
    int refused = sqlite3_db_config(connection, SQLITE_DBCONFIG_DQS_DML, 0, (int *)0);
    return refused != SQLITE_OK ? refused : sqlite3_db_config(connection, SQLITE_DBCONFIG_DQS_DDL, 0, (int *)0);
}
