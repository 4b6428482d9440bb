#pragma once
// What of the C library doesn't come through Swift's overlay.
#include <malloc.h>
#include <sys/resource.h>

/// Each arena of malloc keeps memory of its own; to be called before there are other threads.
static inline void shop_limit_malloc_arenas(int count) {
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, count);
#else
    (void)count;
#endif
}

/// Gives the system back what is free between what is in use: by itself malloc only returns what is free at the end.
static inline void shop_return_free_memory(void) {
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

/// Lets the process have as many descriptors as it is allowed, up to `wanted`.
static inline void shop_raise_descriptor_limit(unsigned long wanted) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}
