#pragma once
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>

/// What `cpg_wait` saw.
enum { CPG_READABLE = 1, CPG_WRITABLE = 2, CPG_INTERRUPTED = 4 };

/// Waits until the connection's socket can be read (or written, if asked), the other descriptor is readable,
/// or the time is over (0). A hang-up counts as readable, since reading is how libpq learns of it.
static inline long cpg_wait(
    int descriptor, int reading, int writing, int interrupt, int timeout_milliseconds) {
    struct pollfd watched[2] = {
        {.fd = descriptor, .events = (short)((reading ? POLLIN : 0) | (writing ? POLLOUT : 0))},
        {.fd = interrupt, .events = POLLIN},
    };
    if (poll(watched, 2, timeout_milliseconds) <= 0) return 0;
    long seen = 0;
    if (watched[0].revents & ~POLLOUT) seen |= CPG_READABLE;
    if (watched[0].revents & ~POLLIN) seen |= CPG_WRITABLE;
    if (watched[1].revents) seen |= CPG_INTERRUPTED;
    return seen;
}

static inline void *cpg_abandon_body(void *connection) {
    char reason[256];
    PGcancel *cancel = PQgetCancel((PGconn *)connection);
    if (cancel) PQcancel(cancel, reason, sizeof reason);
    if (cancel) PQfreeCancel(cancel);
    PQfinish((PGconn *)connection);
    return NULL;
}

/// Cancels what the connection still does at the server, then closes it, both on a thread of its own:
/// `PQcancel` opens a second connection and waits for the server to hang up, which a dead network never tells
/// (libpq 17 has a call that doesn't block). Takes the connection over.
static inline void cpg_abandon(PGconn *connection) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, cpg_abandon_body, connection) == 0) {
        pthread_detach(thread);
    } else {
        PQfinish(connection);
    }
}
