// Stands in for the kernel under a real `kbs guest`, by LD_PRELOAD: only the calls that a plain folder or a machine
// without SEV-SNP cannot answer. Everything that is said comes from the test's own process.
//
//   KBS_TEST_TSM         a folder that acts as configfs-tsm: mkdir returns when the test has put the attributes there,
//                        and rmdir takes them away. Beside an attribute NAME.busy, reading NAME fails with EWOULDBLOCK.
//   KBS_TEST_SEV_GUEST   a Unix socket whose other end answers the ioctls of /dev/sev-guest.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <linux/sev-guest.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int device = -1;

static int is_entry(const char *path) {
    const char *folder = getenv("KBS_TEST_TSM");
    return folder && strncmp(path, folder, strlen(folder)) == 0;
}

int mkdir(const char *path, mode_t mode) {
    int (*real)(const char *, mode_t) = (int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "mkdir");
    int result = real(path, mode);
    if (result == 0 && is_entry(path)) {
        char last[4096];
        snprintf(last, sizeof last, "%s/provider", path);
        for (int i = 0; i < 4000 && access(last, F_OK) != 0; i++) usleep(5000);
    }
    return result;
}

int rmdir(const char *path) {
    int (*real)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "rmdir");
    DIR *folder = is_entry(path) ? opendir(path) : NULL;
    if (folder) {
        struct dirent *item;
        while ((item = readdir(folder)))
            if (item->d_name[0] != '.') unlinkat(dirfd(folder), item->d_name, 0);
        closedir(folder);
    }
    return real(path);
}

static int is_device(const char *path) { return getenv("KBS_TEST_SEV_GUEST") && strcmp(path, "/dev/sev-guest") == 0; }

int access(const char *path, int mode) {
    int (*real)(const char *, int) = (int (*)(const char *, int))dlsym(RTLD_NEXT, "access");
    return is_device(path) ? 0 : real(path, mode);
}

static int open_as(const char *name, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, name);
    char busy[4096];
    snprintf(busy, sizeof busy, "%s.busy", path);
    int ends[2];
    if (is_entry(path) && access(busy, F_OK) == 0 && pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) return ends[0];
    if (!is_device(path)) return real(path, flags, mode);
    return device = real("/dev/null", flags);
}

#define OPEN(name)                                            \
    int name(const char *path, int flags, ...) {              \
        va_list list;                                         \
        va_start(list, flags);                                \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0; \
        va_end(list);                                         \
        return open_as(#name, path, flags, mode);             \
    }
OPEN(open)
OPEN(open64)

static int whole(int file, void *bytes, size_t count, int writing) {
    for (size_t done = 0; done < count;) {
        ssize_t step = writing ? write(file, (char *)bytes + done, count - done) : read(file, (char *)bytes + done, count - done);
        if (step <= 0) return -1;
        done += step;
    }
    return 0;
}

// Request: command (0 or 2), VMPL, room for certificates (u32 each), 64 bytes.
// Answer: errno (u32), exitinfo2 (u64), 4,000 bytes, length of the table (u32), the table.
int ioctl(int file, unsigned long command, ...) {
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    if (file != device || device < 0) {
        int (*real)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
        return real(file, command, argument);
    }
    int extended = command == SNP_GET_EXT_REPORT;
    struct snp_guest_request_ioctl *call = argument;
    if ((!extended && command != SNP_GET_REPORT) || call->msg_version != 1) {
        errno = ENOTTY;
        return -1;
    }
    struct snp_ext_report_req *with = (void *)(uintptr_t)call->req_data;
    struct snp_report_req *request = (void *)(uintptr_t)call->req_data;
    uint32_t head[3] = {extended ? 2 : 0, request->vmpl, extended ? with->certs_len : 0};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, getenv("KBS_TEST_SEV_GUEST"), sizeof address.sun_path - 1);
    int end = socket(AF_UNIX, SOCK_STREAM, 0);
    uint32_t code = EIO, length = 0;
    uint64_t info = 0;
    if (connect(end, (struct sockaddr *)&address, sizeof address) == 0 && whole(end, head, sizeof head, 1) == 0 &&
        whole(end, request->user_data, 64, 1) == 0 && whole(end, &code, 4, 0) == 0 && whole(end, &info, 8, 0) == 0 &&
        whole(end, (void *)(uintptr_t)call->resp_data, 4000, 0) == 0 && whole(end, &length, 4, 0) == 0) {
        call->exitinfo2 = info;
        if (extended && length <= with->certs_len) whole(end, (void *)(uintptr_t)with->certs_address, length, 0);
    }
    close(end);
    errno = code;
    return code ? -1 : 0;
}
