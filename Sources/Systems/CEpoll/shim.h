// Linux's epoll and eventfd, which Swift's Glibc module lacks. No feature macro is defined here: two modules would then
// disagree on libc's types.
#pragma once
#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

// Declared only under _GNU_SOURCE.
extern int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);

// Returns a non-blocking socket, closed on exec; or -1 and errno.
static inline int kbs_accept(int socket, struct sockaddr *address, socklen_t *length) {
    return accept4(socket, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static inline int kbs_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

// Swift cannot set the union in epoll_event.
static inline int kbs_epoll_control(int epoll, int operation, int file, uint32_t events, void *context) {
    struct epoll_event event = {.events = events, .data.ptr = context};
    return epoll_ctl(epoll, operation, file, &event);
}
