// What the kernel knows of its clock: adjtimex(2). Foundation's own view of libc leaves it out.
#pragma once
#include <sys/timex.h>
