#define _GNU_SOURCE
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

enum { HANDSHAKES_AT_ONCE = 16 };
static const int64_t SPIN = 50000; /* ns: below that, sleeping takes longer than waiting awake */
static const int64_t GOODBYE = 2 * SECOND; /* bound on waiting until all peers have hung up */

int64_t nanoseconds(double seconds)
{
    return (int64_t)(seconds * 1e9);
}

void announce(const char *word)
{
    fprintf(stderr, "%s\n", word);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

void wait_once(struct run *run, int64_t until)
{
    struct epoll_event events[256];
    int64_t left = until - now_ns();
    if (left < SPIN)
        left = 0;
    struct timespec timeout = {.tv_sec = left / SECOND, .tv_nsec = left % SECOND};
    int count = epoll_pwait2(run->epoll, events, 256, &timeout, NULL);
    for (int i = 0; i < count; i++)
        call_event(run, events[i].data.ptr, events[i].events);
}

bool open_all(struct run *run, struct state *state)
{
    const struct options *options = state->options;
    int64_t deadline = now_ns() + nanoseconds(options->open_seconds);
    uint32_t begun = 0;
    while (run->open < options->calls && !run->failure[0]) {
        while (begun < options->calls && begun - run->open < HANDSHAKES_AT_ONCE) {
            state->calls[begun].id = begun;
            call_begin(run, &state->calls[begun++]);
        }
        wait_once(run, deadline);
        if (now_ns() >= deadline)
            run_fail(run, "%u of %u calls were open after %g s", run->open, options->calls,
                     options->open_seconds);
    }
    announce("open");
    return !run->failure[0];
}

static void close_all(struct run *run, struct state *state)
{
    run->closing = true;
    for (uint32_t i = 0; i < state->options->calls; i++)
        if (state->calls[i].state == CALL_OPEN)
            call_send_close(run, &state->calls[i]);
    for (int64_t deadline = now_ns() + GOODBYE; run->open && now_ns() < deadline;)
        wait_once(run, deadline);
    for (uint32_t i = 0; i < state->options->calls; i++)
        if (state->calls[i].state != CALL_NONE && state->calls[i].state != CALL_ENDED)
            call_hang_up(run, &state->calls[i]);
}

void end_window(struct state *state)
{
    struct report *report = state->report;
    if (report->window_count < MAX_WINDOWS)
        report->windows[report->window_count++] = (struct window){
            .frames = state->window.total,
            .p50 = histogram_quantile(&state->window, 0.50),
            .p99 = histogram_quantile(&state->window, 0.99),
            .max = state->window.max,
        };
    histogram_clear(&state->window);
    state->window_ends += nanoseconds(state->options->window);
}

void count_delay(struct state *state, int64_t delay, int64_t now)
{
    state->report->echoed++;
    const double late_ms = state->options->late_ms;
    state->report->late += late_ms > 0 && (double)delay > late_ms * (double)MS;
    histogram_add(&state->report->delay, delay);
    if (state->options->window > 0) {
        while (now >= state->window_ends)
            end_window(state);
        histogram_add(&state->window, delay);
    }
}

bool run_mode(struct run *run, const struct options *options, struct report *report)
{
    static const struct {
        const char *name;
        void (*play)(struct run *, struct state *);
    } modes[] = {{"paced", paced}, {"flood", flood}, {"idle", idle}, {"handshakes", handshakes},
                 {"deaf", deaf}};

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(options->mode, modes[i].name) != 0)
            continue;
        struct state state = {.options = options, .report = report};
        state.calls = calloc(options->calls, sizeof *state.calls);
        if (!state.calls) {
            run_fail(run, "out of memory");
            return true;
        }
        for (uint32_t c = 0; c < options->calls; c++)
            state.calls[c].fd = -1;
        run->mode = &state;
        modes[i].play(run, &state);
        report->cpu_seconds = cpu_seconds();
        close_all(run, &state);
        for (uint32_t c = 0; c < options->calls; c++)
            free(state.calls[c].unsent);
        free(state.calls);
        return true;
    }
    return false;
}
