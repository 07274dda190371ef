// libcurl (Debian's libcurl4-openssl-dev). Swift cannot call its variadic functions: curl_easy_setopt, curl_easy_getinfo
// and curl_multi_setopt.
#pragma once
#include <curl/curl.h>

static inline CURLcode kbs_curl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode kbs_curl_set_pointer(CURL *easy, CURLoption option, const void *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode kbs_curl_set_large(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode kbs_curl_set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}
// Without a copy: the bytes must be valid until the transfer has ended.
static inline CURLcode kbs_curl_set_blob(CURL *easy, CURLoption option, const void *bytes, size_t count) {
    struct curl_blob blob = { (void *)bytes, count, CURL_BLOB_NOCOPY };
    return curl_easy_setopt(easy, option, &blob);
}
// For CURLOPT_WRITEFUNCTION and CURLOPT_HEADERFUNCTION.
typedef size_t (*kbs_curl_sink)(char *bytes, size_t size, size_t count, void *target);
static inline CURLcode kbs_curl_set_sink(CURL *easy, CURLoption option, kbs_curl_sink sink) {
    return curl_easy_setopt(easy, option, sink);
}
static inline CURLcode kbs_curl_get_long(CURL *easy, CURLINFO info, long *value) {
    return curl_easy_getinfo(easy, info, value);
}
static inline CURLcode kbs_curl_get_certinfo(CURL *easy, struct curl_certinfo **value) {
    return curl_easy_getinfo(easy, CURLINFO_CERTINFO, value);
}
static inline CURLcode kbs_curl_get_large(CURL *easy, CURLINFO info, curl_off_t *value) {
    return curl_easy_getinfo(easy, info, value);
}
static inline CURLMcode kbs_curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}
// A message's result, in a union that Swift does not import.
static inline CURLcode kbs_curl_message_result(const CURLMsg *message) { return message->data.result; }
