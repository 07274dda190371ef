// PostgreSQL's client library (Debian's libpq-dev). Debian's header is outside of the default search path.
#pragma once
#if __has_include(<libpq-fe.h>)
#include <libpq-fe.h>
#else
#include <postgresql/libpq-fe.h>
#endif
