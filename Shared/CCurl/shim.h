#pragma once
// libcurl's variadic functions, which Swift can't call, one for each type of argument.
#include <curl/curl.h>

typedef size_t (*shop_curl_transfer)(char *bytes, size_t size, size_t count, void *context);
typedef int (*shop_curl_progress)(void *context, curl_off_t toLoad, curl_off_t loaded, curl_off_t toSend, curl_off_t sent);

static inline CURLcode shop_curl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode shop_curl_set_number(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode shop_curl_set_size(CURL *handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode shop_curl_set_pointer(CURL *handle, CURLoption option, void *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode shop_curl_set_list(CURL *handle, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode shop_curl_set_transfer(CURL *handle, CURLoption option, shop_curl_transfer value) {
    return curl_easy_setopt(handle, option, value);
}

typedef int (*shop_curl_seek)(void *context, curl_off_t offset, int origin);

static inline CURLcode shop_curl_set_seek(CURL *handle, shop_curl_seek value) {
    return curl_easy_setopt(handle, CURLOPT_SEEKFUNCTION, value);
}

static inline CURLcode shop_curl_set_progress(CURL *handle, shop_curl_progress value) {
    return curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, value);
}

/// The status of the last HTTP answer or SMTP reply; 0 when there was none.
static inline long shop_curl_response_code(CURL *handle) {
    long code = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &code);
    return code;
}
