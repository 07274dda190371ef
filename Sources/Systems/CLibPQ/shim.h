// PostgreSQL's client library (Debian's libpq-dev). Debian has its header in a folder that no compiler looks into.
#pragma once
#if __has_include(<libpq-fe.h>)
#include <libpq-fe.h>
#else
#include <postgresql/libpq-fe.h>
#endif
