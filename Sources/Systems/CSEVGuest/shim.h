// The kernel's interface for SNP guests, from its own header (Debian's linux-libc-dev). The functions here are for ioctl(2)
// and _IOWR macros, which Swift cannot use.
#pragma once
#include <errno.h>
#include <linux/sev-guest.h>
#include <stdint.h>
#include <sys/ioctl.h>

// Both return 0 or errno. `exitinfo2` receives the hypervisor's error (high half) and the firmware's (low half).

static inline int kbs_snp_get_report(int fd, struct snp_report_req *request, struct snp_report_resp *response,
                                     uint64_t *exitinfo2) {
    struct snp_guest_request_ioctl call = {0};
    call.msg_version = 1;
    call.req_data = (uintptr_t)request;
    call.resp_data = (uintptr_t)response;
    int result = ioctl(fd, SNP_GET_REPORT, &call);
    int code = result < 0 ? errno : 0;
    *exitinfo2 = call.exitinfo2;
    return code;
}

// `certificates` must be page-aligned memory of `*length` bytes. `*length` returns the length that the host requires.
static inline int kbs_snp_get_ext_report(int fd, const struct snp_report_req *request, void *certificates,
                                         uint32_t *length, struct snp_report_resp *response, uint64_t *exitinfo2) {
    struct snp_ext_report_req extended = {0};
    extended.data = *request;
    extended.certs_address = (uintptr_t)certificates;
    extended.certs_len = *length;
    struct snp_guest_request_ioctl call = {0};
    call.msg_version = 1;
    call.req_data = (uintptr_t)&extended;
    call.resp_data = (uintptr_t)response;
    int result = ioctl(fd, SNP_GET_EXT_REPORT, &call);
    int code = result < 0 ? errno : 0;
    *exitinfo2 = call.exitinfo2;
    *length = extended.certs_len;
    return code;
}
