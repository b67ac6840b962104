/* What the generator can do with its calls, and what it saw. */
#ifndef MODES_H
#define MODES_H

#include "call.h"

enum { MAX_WINDOWS = 4096 };

struct options {
    const char *mode;
    uint32_t calls;
    uint32_t depth;      /* frames in flight on each call (flood) */
    double seconds;      /* measured time */
    double warmup;       /* seconds before it that do not count */
    double open_seconds; /* bound on opening all calls */
    double window;       /* seconds of each window of its own in the report; 0: none */
    double late_ms;      /* an echo that takes longer is late; 0: none is */
    uint64_t stop_late;  /* paced: end once so many frames were late; 0: go on */
    uint64_t frames;     /* flood, handshakes: end after so many echoes, or handshakes; 0: by time */
};

struct window {
    uint64_t frames;
    int64_t p50, p99, max;
};

struct report {
    double measured_seconds, cpu_seconds;
    uint64_t sent, echoed, late, skipped, handshakes;
    struct histogram delay, lag;
    struct window windows[MAX_WINDOWS];
    uint32_t window_count;
};

/* Run one mode to its end. What went wrong is in run->failure; false: there is no such mode. */
bool run_mode(struct run *run, const struct options *options, struct report *report);

#endif
