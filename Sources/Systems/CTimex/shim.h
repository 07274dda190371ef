// The kernel's clock discipline: adjtimex(2), which Foundation's libc module lacks.
#pragma once
#include <sys/timex.h>
