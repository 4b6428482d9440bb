#pragma once
// What Swift can't call: libmicrohttpd's variadic functions, and macros of the sockets API.
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <microhttpd.h>

struct shop_http_limits {
    unsigned int connections;
    unsigned int connections_per_address;  // 0: no limit
    unsigned int idle_seconds;
    size_t connection_memory;
};

/// A socket that listens on `host:port` and can be polled, or the negative of an errno; -EADDRNOTAVAIL also stands for a
/// host name that can't be resolved.
static inline int shop_http_listen(const char *host, unsigned short port) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *addresses = NULL;
    char service[8];
    snprintf(service, sizeof service, "%hu", port);
    if (getaddrinfo(host, service, &hints, &addresses) != 0) return -EADDRNOTAVAIL;
    const int yes = 1;
    int failure = EADDRNOTAVAIL;
    int listener = -1;
    for (struct addrinfo *address = addresses; address != NULL && listener < 0; address = address->ai_next) {
        listener = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (listener < 0) { failure = errno; continue; }
        // A restart must not wait for the connections of the process before it to be forgotten.
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        if (bind(listener, address->ai_addr, address->ai_addrlen) < 0 || listen(listener, 1024) < 0) {
            failure = errno;
            close(listener);
            listener = -1;
        }
    }
    freeaddrinfo(addresses);
    return listener < 0 ? -failure : listener;
}

/// The port a listening socket got.
static inline unsigned short shop_http_port(int listener) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    char service[8] = "0";
    if (getsockname(listener, (struct sockaddr *)&address, &length) == 0)
        getnameinfo((struct sockaddr *)&address, length, NULL, 0, service, sizeof service, NI_NUMERICSERV);
    unsigned short port = 0;
    sscanf(service, "%hu", &port);
    return port;
}

/// Decodes `%XX` in place, as libmicrohttpd does, but for `%00`: it would end the text there, so it becomes U+FFFD, as
/// other bytes that are no text do.
static inline size_t shop_http_unescape(void *context, struct MHD_Connection *connection, char *text) {
    (void)context; (void)connection;
    char *out = text;
    for (const char *in = text; *in != '\0';) {
        unsigned int byte = 0;
        if (in[0] == '%' && isxdigit((unsigned char)in[1]) && isxdigit((unsigned char)in[2])) {
            sscanf(in + 1, "%2x", &byte);
            in += 3;
            if (byte == 0) { memcpy(out, "\xEF\xBF\xBD", 3); out += 3; } else *out++ = (char)byte;
        } else {
            *out++ = *in++;
        }
    }
    *out = '\0';
    return (size_t)(out - text);
}

/// libmicrohttpd's complaints about clients; without this they go to the standard error stream. Whatever matters to
/// an operator is known to the server otherwise.
static inline void shop_http_ignore(void *context, const char *format, va_list arguments) {
    (void)context; (void)format; (void)arguments;
}

/// Starts a daemon with one thread of its own around a listening socket, which is the daemon's from then on if this
/// succeeds. `context` is the first argument of both callbacks.
static inline struct MHD_Daemon *shop_http_start(int listener, struct shop_http_limits limits,
                                                 MHD_AccessHandlerCallback handler,
                                                 MHD_RequestCompletedCallback completed,
                                                 MHD_NotifyConnectionCallback connected, void *context) {
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, handler, context,
        MHD_OPTION_EXTERNAL_LOGGER, shop_http_ignore, NULL,
        MHD_OPTION_LISTEN_SOCKET, listener,
        MHD_OPTION_NOTIFY_COMPLETED, completed, context,
        MHD_OPTION_NOTIFY_CONNECTION, connected, context,
        MHD_OPTION_UNESCAPE_CALLBACK, shop_http_unescape, NULL,
        MHD_OPTION_CONNECTION_LIMIT, limits.connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, limits.connections_per_address,
        MHD_OPTION_CONNECTION_TIMEOUT, limits.idle_seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, limits.connection_memory,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
}

/// Changes the time after which a connection is closed when nothing moves on it.
static inline void shop_http_set_timeout(struct MHD_Connection *connection, unsigned int seconds) {
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
}

/// The connection's socket, or -1.
static inline int shop_http_socket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info == NULL ? -1 : info->connect_fd;
}

/// Whether the other end of a connection has closed its half, or the connection is gone.
static inline int shop_http_peer_left(int socket) {
    struct tcp_info info;
    socklen_t length = sizeof info;
    if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return 1;
    return info.tcpi_state != TCP_ESTABLISHED && info.tcpi_state != TCP_FIN_WAIT1 && info.tcpi_state != TCP_FIN_WAIT2;
}
