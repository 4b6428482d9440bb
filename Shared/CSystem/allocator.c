/// How jemalloc, which Package.swift links, works in a service; it reads this before `main`; MALLOC_CONF overrides it.
///
/// Events are made on one thread and freed on another, which costs glibc's malloc a sixth of a service's time, and
/// leaves it with memory that only a sweep gives back. One arena, since each keeps memory of its own; what has been
/// free for a second goes back to the system, by a thread of jemalloc's; blocks above 2 KiB (2^11) are not kept by
/// thread. See https://jemalloc.net/jemalloc.3.html#tuning.
extern const char *malloc_conf;
const char *malloc_conf = "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0,background_thread:true,lg_tcache_max:11";
