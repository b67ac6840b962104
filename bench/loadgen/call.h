/* One call as the platform places it: a WebSocket on which audio goes out and must come back. */
#ifndef CALL_H
#define CALL_H

#include "histogram.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    AUDIO_BYTES = 640,             /* 20 ms of 16-bit audio at 16 kHz */
    FRAME_BYTES = 8 + AUDIO_BYTES, /* a client's frame: 4 bytes of header, 4 of masking key */
    CARRY_BYTES = 2048,            /* the start of a frame, or of the handshake's answer */
};

enum call_state { CALL_NONE, CALL_CONNECTING, CALL_UPGRADING, CALL_OPEN, CALL_ENDED };

struct call {
    int fd;
    enum call_state state;
    uint32_t id;
    uint32_t next;     /* number of the next frame to send */
    uint32_t expected; /* number that the next echo must have at least */
    int64_t began;     /* when connecting began, ns */
    int64_t *sent_at;  /* ring of `depth` sending times, ns */
    unsigned char *unsent;
    uint32_t unsent_bytes;
    uint32_t carried;
    unsigned char carry[CARRY_BYTES];
};

/* What all calls of a run share. */
struct run {
    struct sockaddr_in address;
    const char *host, *path;
    uint32_t port;
    int epoll;
    uint32_t depth; /* frames in flight on a call, at most */
    uint32_t open;  /* calls that are open now */
    uint64_t bytes_sent, corrupted, reordered, texts;
    uint64_t frames_sent, frames_back; /* of audio, in the whole run, measured or not */
    bool closing; /* from now on a peer may hang up */
    bool deaf;    /* nothing is read once a call is open */
    bool sound;   /* the peer plays a sound of its own: its frames are counted, not compared */
    bool mute;    /* no audio is sent */
    char *tokens; /* for the handshakes, one a line, each used once; NULL: they carry none */
    struct histogram handshake;
    char failure[256]; /* the first thing that went wrong; empty: nothing */

    /* Called for each echo that is what was sent, in order; for each frame of a peer's sound. */
    void (*echoed)(struct run *run, struct call *call, uint32_t number, int64_t now);
    void *mode; /* the running mode's own state */
};

int64_t now_ns(void);

__attribute__((format(printf, 2, 3))) void run_fail(struct run *run, const char *format, ...);

/* Start connecting; `call_event` takes it from there until CALL_OPEN. */
void call_begin(struct run *run, struct call *call);

/* What epoll said about the call. */
void call_event(struct run *run, struct call *call, uint32_t events);

/* Send `count` frames in one write. False: the socket's buffer is full, and what was left of an
   earlier write still waits, so nothing was sent. */
bool call_send_frames(struct run *run, struct call *call, uint32_t count);

/* Send a Close frame, code 1000; the peer is to hang up. */
void call_send_close(struct run *run, struct call *call);

void call_hang_up(struct run *run, struct call *call);

#endif
