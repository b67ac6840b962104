/* What the modes share while they run. */
#ifndef STATE_H
#define STATE_H

#include "modes.h"

#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)

struct state {
    const struct options *options;
    struct report *report;
    struct call *calls;
    int64_t start, from, to; /* pacing began; what is measured lies between `from` and `to` */
    uint64_t echoes;
    struct histogram window;
    int64_t window_ends;
};

void paced(struct run *run, struct state *state);
void flood(struct run *run, struct state *state);
void idle(struct run *run, struct state *state);
void handshakes(struct run *run, struct state *state);
void deaf(struct run *run, struct state *state);

int64_t nanoseconds(double seconds);

/* Tell whoever started this process; each word is a line on stderr. */
void announce(const char *word);

/* Handle what arrives until `until` (ns), or until something did. */
void wait_once(struct run *run, int64_t until);

/* Open all calls; false: run->failure says why not. */
bool open_all(struct run *run, struct state *state);

/* Count an echo that took `delay` ns. */
void count_delay(struct state *state, int64_t delay, int64_t now);

/* End a window of the report and begin the next. */
void end_window(struct state *state);

#endif
