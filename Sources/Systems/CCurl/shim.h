// libcurl (Debian's libcurl4-openssl-dev). curl_easy_setopt and curl_easy_getinfo are variadic, which Swift cannot call.
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
