#define _GNU_SOURCE
#include "call.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The nonce and its answer that RFC 6455, 1.3 takes as its example. */
#define NONCE "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum { TEXT = 0x81, BINARY = 0x82, CLOSE = 0x88, PING = 0x89, PONG = 0x8A };
enum { NOISE_BYTES = 4096, NUMBERED_BYTES = 8 };

static unsigned char inbox[1 << 16];

int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void run_fail(struct run *run, const char *format, ...)
{
    if (run->failure[0])
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->failure, sizeof run->failure, format, arguments);
    va_end(arguments);
}

static uint32_t random32(void)
{
    static uint32_t x = 2463534242u; /* Marsaglia's xorshift */
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

/* What frame `number` of call `id` carries behind those two numbers: a piece of noise that no
   other frame near it shares. */
static const unsigned char *noise_of(uint32_t id, uint32_t number)
{
    static unsigned char noise[NOISE_BYTES + AUDIO_BYTES];
    if (!noise[0])
        for (size_t i = 0; i < sizeof noise; i++)
            noise[i] = (unsigned char)(random32() | (i == 0));
    return noise + (id * 7919u + number * 613u) % NOISE_BYTES;
}

static void put_frame(unsigned char *out, uint32_t id, uint32_t number)
{
    uint64_t words[AUDIO_BYTES / 8];
    uint32_t key = random32();
    uint64_t mask = key | (uint64_t)key << 32;

    words[0] = id | (uint64_t)number << 32;
    memcpy(words + 1, noise_of(id, number), AUDIO_BYTES - NUMBERED_BYTES);
    for (size_t i = 0; i < AUDIO_BYTES / 8; i++)
        words[i] ^= mask;
    out[0] = BINARY;
    out[1] = 0x80 | 126;
    out[2] = AUDIO_BYTES >> 8;
    out[3] = AUDIO_BYTES & 0xFF;
    memcpy(out + 4, &key, 4);
    memcpy(out + 8, words, AUDIO_BYTES);
}

static void watch(struct run *run, struct call *call, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = call};
    if (epoll_ctl(run->epoll, operation, call->fd, &event) < 0)
        run_fail(run, "epoll_ctl: %s", strerror(errno));
}

void call_hang_up(struct run *run, struct call *call)
{
    if (call->state == CALL_OPEN)
        run->open--;
    if (call->fd >= 0)
        close(call->fd);
    call->fd = -1;
    call->state = CALL_ENDED;
    call->unsent_bytes = call->carried = 0;
}

static void peer_left(struct run *run, struct call *call, const char *how)
{
    if (!run->closing && !run->deaf)
        run_fail(run, "call %u: the peer %s%s", call->id, how,
                 call->state == CALL_OPEN ? "" : " before the handshake was done");
    call_hang_up(run, call);
}

/* Write `size` bytes, keep what the socket does not take; false when an earlier rest still waits. */
static bool put(struct run *run, struct call *call, const void *bytes, size_t size)
{
    if (call->unsent_bytes)
        return false;
    ssize_t done = send(call->fd, bytes, size, MSG_NOSIGNAL);
    if (done < 0 && errno != EAGAIN) {
        peer_left(run, call, strerror(errno));
        return true;
    }
    if (done < 0)
        done = 0;
    run->bytes_sent += (uint64_t)done;
    call->unsent_bytes = (uint32_t)(size - (size_t)done);
    if (call->unsent_bytes) {
        if (!call->unsent)
            call->unsent = malloc((size_t)FRAME_BYTES * run->depth + CARRY_BYTES);
        if (!call->unsent) {
            run_fail(run, "out of memory");
            call->unsent_bytes = 0;
            return true;
        }
        memcpy(call->unsent, (const char *)bytes + done, call->unsent_bytes);
        watch(run, call, EPOLL_CTL_MOD, run->deaf ? EPOLLOUT : EPOLLIN | EPOLLOUT);
    }
    return true;
}

static void put_rest(struct run *run, struct call *call)
{
    ssize_t done = send(call->fd, call->unsent, call->unsent_bytes, MSG_NOSIGNAL);
    if (done < 0 && errno != EAGAIN) {
        peer_left(run, call, strerror(errno));
        return;
    }
    if (done <= 0)
        return;
    run->bytes_sent += (uint64_t)done;
    call->unsent_bytes -= (uint32_t)done;
    memmove(call->unsent, call->unsent + done, call->unsent_bytes);
    if (!call->unsent_bytes && !run->deaf)
        watch(run, call, EPOLL_CTL_MOD, EPOLLIN);
}

/* A masked frame of at most 65,535 bytes that is not audio. */
static void put_message(struct run *run, struct call *call, int first, const void *data, size_t size)
{
    unsigned char out[CARRY_BYTES];
    uint32_t key = random32();
    size_t at = 0;
    out[at++] = (unsigned char)first;
    if (size < 126) {
        out[at++] = (unsigned char)(0x80 | size);
    } else {
        out[at++] = 0x80 | 126;
        out[at++] = (unsigned char)(size >> 8);
        out[at++] = (unsigned char)size;
    }
    memcpy(out + at, &key, 4);
    at += 4;
    for (size_t i = 0; i < size; i++)
        out[at + i] = ((const unsigned char *)data)[i] ^ (unsigned char)(key >> 8 * (i % 4));
    put(run, call, out, at + size);
}

bool call_send_frames(struct run *run, struct call *call, uint32_t count)
{
    static unsigned char out[FRAME_BYTES * 256];
    if (call->unsent_bytes)
        return false;
    for (uint32_t i = 0; i < count; i++)
        put_frame(out + (size_t)FRAME_BYTES * i, call->id, call->next + i);
    call->next += count;
    run->frames_sent += count;
    return put(run, call, out, (size_t)FRAME_BYTES * count);
}

void call_send_close(struct run *run, struct call *call)
{
    put_message(run, call, CLOSE, "\x03\xE8", 2);
}

void call_begin(struct run *run, struct call *call)
{
    int on = 1;
    call->next = call->expected = call->carried = 0;
    call->began = now_ns();
    call->state = CALL_CONNECTING;
    call->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (call->fd < 0) {
        run_fail(run, "no socket for call %u: %s (ulimit -n?)", call->id, strerror(errno));
        call->state = CALL_ENDED;
        return;
    }
    setsockopt(call->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(run, call, EPOLL_CTL_ADD, EPOLLOUT);
    if (connect(call->fd, (struct sockaddr *)&run->address, sizeof run->address) < 0 &&
        errno != EINPROGRESS) {
        run_fail(run, "%s:%u: %s", run->host, run->port, strerror(errno));
        call_hang_up(run, call);
    }
}

/* Take the next line of the tokens. */
static bool next_token(struct run *run, char *token, size_t size)
{
    size_t length = strcspn(run->tokens, "\n");
    if (length == 0 || length >= size) {
        run_fail(run, length ? "a token is too long" : "the tokens are used up: give more");
        return false;
    }
    memcpy(token, run->tokens, length);
    token[length] = 0;
    run->tokens += length + (run->tokens[length] == '\n');
    return true;
}

static void connected(struct run *run, struct call *call)
{
    char request[2048], token[1024] = "";
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(call->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        run_fail(run, "%s:%u: %s", run->host, run->port, strerror(error));
        call_hang_up(run, call);
        return;
    }
    if (run->tokens && !next_token(run, token, sizeof token)) {
        call_hang_up(run, call);
        return;
    }
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Key: " NONCE "\r\n"
                          "Sec-WebSocket-Version: 13\r\n%s%s%s\r\n",
                          run->path, run->host, run->port, *token ? "Authorization: Bearer " : "",
                          token, *token ? "\r\n" : "");
    call->state = CALL_UPGRADING;
    watch(run, call, EPOLL_CTL_MOD, EPOLLIN);
    put(run, call, request, (size_t)length);
}

/* Take the handshake's answer off the front of `bytes`; the number of bytes it took, 0 when it is
   not whole yet or not what it should be. */
static size_t upgraded(struct run *run, struct call *call, const unsigned char *bytes, size_t size)
{
    static const char accept_line[] = "\r\nsec-websocket-accept: " ACCEPT "\r\n";
    const unsigned char *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (!end)
        return 0;
    char head[CARRY_BYTES + 1];
    size_t length = (size_t)(end - bytes) + 2;
    if (length > CARRY_BYTES)
        length = CARRY_BYTES;
    memcpy(head, bytes, length);
    head[length] = 0;
    if (strncmp(head, "HTTP/1.1 101 ", 13) != 0 || !strcasestr(head, accept_line)) {
        run_fail(run, "call %u: the handshake was answered with: %.60s", call->id,
                 strtok(head, "\r\n"));
        call_hang_up(run, call);
        return 0;
    }
    char text[256];
    int written =
        snprintf(text, sizeof text,
                 "{\"event\":\"websocket:connected\",\"content-type\":\"audio/l16;rate=16000\","
                 "\"uuid\":\"00000000-0000-4000-8000-%012x\","
                 "\"conversation_uuid\":\"CON-00000000-0000-4000-8000-%012x\"}",
                 call->id, call->id);
    histogram_add(&run->handshake, now_ns() - call->began);
    call->state = CALL_OPEN;
    run->open++;
    put_message(run, call, TEXT, text, (size_t)written);
    return (size_t)(end - bytes) + 4;
}

static void audio(struct run *run, struct call *call, const unsigned char *data, int64_t now)
{
    uint32_t numbers[2];
    if (run->sound) {
        run->frames_back++;
        run->echoed(run, call, 0, now);
        return;
    }
    memcpy(numbers, data, sizeof numbers);
    uint32_t id = numbers[0], number = numbers[1];
    if (id != call->id || number >= call->next ||
        memcmp(data + NUMBERED_BYTES, noise_of(id, number), AUDIO_BYTES - NUMBERED_BYTES) != 0) {
        run->corrupted++;
        run_fail(run, "call %u: an echo differs from what was sent", call->id);
    } else if (number < call->expected) {
        run->reordered++;
        run_fail(run, "call %u: echo %u came after echo %u", call->id, number, call->expected - 1);
    } else {
        call->expected = number + 1;
        run->frames_back++;
        run->echoed(run, call, number, now);
    }
}

/* Act on each whole frame in `bytes`; the number of bytes they took. */
static size_t frames(struct run *run, struct call *call, const unsigned char *bytes, size_t size,
                     int64_t now)
{
    size_t at = 0;
    while (size - at >= 2 && call->state == CALL_OPEN) {
        const unsigned char *frame = bytes + at;
        size_t head = 2, length = frame[1];
        if (length == 126) {
            if (size - at < 4)
                break;
            head = 4;
            length = (size_t)frame[2] << 8 | frame[3];
        }
        if (frame[1] > 126) {
            run->corrupted++;
            run_fail(run, "call %u: a masked frame, or one over 65,535 bytes", call->id);
            call_hang_up(run, call);
            return size;
        }
        if (size - at < head + length)
            break;
        if (frame[0] == BINARY && length == AUDIO_BYTES) {
            audio(run, call, frame + head, now);
        } else if (frame[0] == TEXT) {
            run->texts++;
        } else if (frame[0] == PING) {
            put_message(run, call, PONG, frame + head, length < 126 ? length : 0);
        } else if (frame[0] == CLOSE) {
            char how[160] = "closed the call";
            if (length >= 2)
                snprintf(how, sizeof how, "closed the call with %u %.*s",
                         frame[head] << 8 | frame[head + 1], (int)length - 2,
                         (const char *)frame + head + 2);
            if (!run->closing)
                call_send_close(run, call);
            peer_left(run, call, how);
            return size;
        } else if (frame[0] != PONG) {
            run->corrupted++;
            run_fail(run, "call %u: a frame of %zu bytes that begins with 0x%02x", call->id, length,
                     frame[0]);
        }
        at += head + length;
    }
    return at;
}

static void readable(struct run *run, struct call *call)
{
    memcpy(inbox, call->carry, call->carried);
    ssize_t got = recv(call->fd, inbox + call->carried, sizeof inbox - call->carried, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        peer_left(run, call, got ? strerror(errno) : "hung up");
        return;
    }
    size_t size = call->carried + (size_t)got, used = 0;
    if (call->state == CALL_UPGRADING)
        used = upgraded(run, call, inbox, size);
    if (call->state == CALL_OPEN)
        used += frames(run, call, inbox + used, size - used, now_ns());
    if (call->state == CALL_ENDED)
        return;
    if (size - used > CARRY_BYTES) {
        run->corrupted++;
        run_fail(run, "call %u: %zu bytes that belong to no frame that was sent", call->id,
                 size - used);
        call_hang_up(run, call);
        return;
    }
    call->carried = (uint32_t)(size - used);
    memcpy(call->carry, inbox + used, call->carried);
}

void call_event(struct run *run, struct call *call, uint32_t events)
{
    if (call->state == CALL_CONNECTING) {
        connected(run, call);
        return;
    }
    if ((events & EPOLLOUT) && call->unsent_bytes)
        put_rest(run, call);
    if (call->state == CALL_ENDED)
        return;
    if (run->deaf && call->state == CALL_OPEN && (events & (EPOLLERR | EPOLLHUP)))
        peer_left(run, call, "hung up");
    else if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        readable(run, call);
}
