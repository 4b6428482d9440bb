/// How jemalloc, which Package.swift links, works in a service; it reads this before `main`; MALLOC_CONF overrides it.
///
/// Events are made on one thread and freed on another, which costs glibc's malloc a sixth of a service's time, and
/// leaves it with memory that only a sweep gives back. One arena, since each keeps memory of its own; what has been
/// free for a second goes back to the system, by a thread of jemalloc's; each of a service's twenty threads keeps no block
/// above 1 KiB (2^10) for itself and at most 32 of a size, which saves orders 2 MB and costs nothing that can be measured.
/// See https://jemalloc.net/jemalloc.3.html#tuning.
extern const char *malloc_conf;
const char *malloc_conf =
    "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0,background_thread:true,lg_tcache_max:10,tcache_nslots_small_max:32";
