/* The limit: what an echo of WebSocket frames costs when almost nothing but the kernel is at work.

   One thread, one epoll; frames are unmasked where they were read and written back with one send a
   read. A peer that does not read is not read from until it does. No keepalive, no fragments, no
   frame over 4 KiB: this is a yardstick, not a server. */
#define _GNU_SOURCE
#include "sha1.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BINARY = 0x82, CLOSE = 0x88, PING = 0x89, PONG = 0x8A, TEXT = 0x81 };
enum { INBOX = 1 << 16, LARGEST = 4096 };

struct connection {
    int fd;
    bool upgraded, ending;
    size_t carried, unsent;
    unsigned char *carry;  /* the start of a frame, made when first needed */
    unsigned char *outbox; /* what the socket did not take, made when first needed */
};

static int epoll_fd;
static unsigned char inbox[INBOX], outbox[INBOX];
static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static void die(const char *what)
{
    fprintf(stderr, "epoll_echo: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void watch(struct connection *c, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    epoll_ctl(epoll_fd, operation, c->fd, &event);
}

static void drop(struct connection *c)
{
    close(c->fd);
    free(c->carry);
    free(c->outbox);
    free(c);
}

/* Send, or keep what does not go out and read nothing until it went; false: the peer is gone. */
static bool put(struct connection *c, const unsigned char *bytes, size_t size)
{
    ssize_t done = send(c->fd, bytes, size, MSG_NOSIGNAL);
    if (done < 0 && errno != EAGAIN)
        return false;
    if (done < 0)
        done = 0;
    if ((size_t)done == size)
        return true;
    if (!c->outbox && !(c->outbox = malloc(INBOX)))
        return false;
    c->unsent = size - (size_t)done;
    memcpy(c->outbox, bytes + done, c->unsent);
    watch(c, EPOLL_CTL_MOD, EPOLLOUT);
    return true;
}

static bool put_rest(struct connection *c)
{
    ssize_t done = send(c->fd, c->outbox, c->unsent, MSG_NOSIGNAL);
    if (done < 0)
        return errno == EAGAIN;
    c->unsent -= (size_t)done;
    memmove(c->outbox, c->outbox + done, c->unsent);
    if (!c->unsent)
        watch(c, EPOLL_CTL_MOD, EPOLLIN);
    return c->unsent || !c->ending;
}

static void base64(const unsigned char *in, char *out) /* 20 bytes to 28 characters */
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < 27; i++) {
        int bit = 6 * i, at = bit / 8;
        unsigned pair = (unsigned)in[at] << 8 | (at < 19 ? in[at + 1] : 0);
        out[i] = digits[pair >> (10 - bit % 8) & 63];
    }
    out[27] = '=';
    out[28] = 0;
}

/* Answer the handshake; the bytes it took, 0 when it is not whole yet, -1 when it is none. */
static ssize_t upgrade(struct connection *c, const unsigned char *bytes, size_t size)
{
    static const char name[] = "\r\nSec-WebSocket-Key: ";
    const char *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (!end)
        return size > LARGEST ? -1 : 0;
    size_t length = (size_t)(end - (const char *)bytes) + 4;
    const char *key = memmem(bytes, length, name, sizeof name - 1);
    if (!key || end - key < (ssize_t)sizeof name - 1 + 24)
        return -1;
    unsigned char digest[20];
    char joined[61], accepted[29], answer[160];
    memcpy(joined, key + sizeof name - 1, 24);
    memcpy(joined + 24, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 37);
    sha1((unsigned char *)joined, 60, digest);
    base64(digest, accepted);
    int written = snprintf(answer, sizeof answer,
                           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                           "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accepted);
    c->upgraded = true;
    return put(c, (unsigned char *)answer, (size_t)written) ? (ssize_t)length : -1;
}

static void unmask(unsigned char *to, const unsigned char *from, size_t size, const unsigned char *key)
{
    uint32_t key32;
    memcpy(&key32, key, 4);
    uint64_t mask = key32 | (uint64_t)key32 << 32;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, from + i, 8);
        word ^= mask;
        memcpy(to + i, &word, 8);
    }
    for (; i < size; i++)
        to[i] = from[i] ^ key[i % 4];
}

/* Put the answers to all whole frames into the outbox; the bytes the frames took, -1 when one of
   them is not to be had here. */
static ssize_t answer(struct connection *c, const unsigned char *bytes, size_t size, size_t *written)
{
    size_t at = 0;
    while (size - at >= 6 && !c->ending) {
        const unsigned char *frame = bytes + at;
        size_t head = 6, length = frame[1] & 0x7F;
        if (length == 126) {
            if (size - at < 8)
                break;
            head = 8;
            length = (size_t)frame[2] << 8 | frame[3];
        }
        if (!(frame[1] & 0x80) || length > LARGEST)
            return -1;
        if (size - at < head + length)
            break;
        if (frame[0] == BINARY || frame[0] == PING || frame[0] == CLOSE) {
            unsigned char *out = outbox + *written;
            size_t out_head = head - 4;
            out[0] = frame[0] == PING ? PONG : frame[0];
            out[1] = frame[1] & 0x7F;
            if (out_head == 4)
                memcpy(out + 2, frame + 2, 2);
            unmask(out + out_head, frame + head, length, frame + head - 4);
            *written += out_head + length;
            c->ending = frame[0] == CLOSE;
        } else if (frame[0] != TEXT && frame[0] != PONG) {
            return -1;
        }
        at += head + length;
    }
    return (ssize_t)at;
}

static bool readable(struct connection *c)
{
    if (c->carried)
        memcpy(inbox, c->carry, c->carried);
    ssize_t got = recv(c->fd, inbox + c->carried, sizeof inbox - c->carried, 0);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    size_t size = c->carried + (size_t)got, written = 0;
    ssize_t used = 0;
    if (!c->upgraded && (used = upgrade(c, inbox, size)) < 0)
        return false;
    if (c->upgraded) {
        ssize_t more = answer(c, inbox + used, size - (size_t)used, &written);
        if (more < 0)
            return false;
        used += more;
    }
    c->carried = size - (size_t)used;
    if (c->carried) {
        if (c->carried > LARGEST + 8 || (!c->carry && !(c->carry = malloc(LARGEST + 8))))
            return false;
        memcpy(c->carry, inbox + used, c->carried);
    }
    if (written && !put(c, outbox, written))
        return false;
    return c->unsent || !c->ending;
}

static void accept_all(int listener)
{
    int on = 1;
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct connection *c = calloc(1, sizeof *c);
        if (!c)
            die("out of memory");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        c->fd = fd;
        watch(c, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static int listen_on(const char *port)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 1024) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        die("cannot listen");
    printf("listening url=http://127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(void)
{
    struct rlimit files;
    struct sigaction action = {.sa_handler = stop}; /* no SA_RESTART: epoll_wait is to return */
    const char *port = getenv("PORT");

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct connection listener = {.fd = listen_on(port && *port ? port : "0")};
    watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
    while (!stopped) {
        struct epoll_event events[256];
        int count = epoll_wait(epoll_fd, events, 256, -1);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (c == &listener)
                accept_all(listener.fd);
            else if (!((events[i].events & EPOLLOUT) && c->unsent ? put_rest(c) : readable(c)))
                drop(c);
        }
    }
    return 0;
}
