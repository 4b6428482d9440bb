#pragma once
// What of the C library doesn't come through Swift's overlay.
#include <sys/resource.h>

/// Lets the process have as many descriptors as it is allowed, up to `wanted`.
static inline void shop_raise_descriptor_limit(unsigned long wanted) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}
