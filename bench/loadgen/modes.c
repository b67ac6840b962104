#define _GNU_SOURCE
#include "modes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#define MS INT64_C(1000000)
#define SECOND INT64_C(1000000000)

enum {
    HANDSHAKES_AT_ONCE = 16,
    FRAMES_BEFORE_READING = 64, /* due frames sent in a row before echoes are read */
    IDLE_FRAMES = 5,            /* echoed on each call before it falls silent */
};
static const int64_t PERIOD = 20 * MS;
static const int64_t LATE = 60 * MS;
static const int64_t SPIN = 50000; /* ns: below that, sleeping takes longer than waiting awake */
static const int64_t GIVE_UP = 5 * SECOND;
static const int64_t LAST_ECHOES = 2 * SECOND; /* bound on waiting for them */

struct state {
    const struct options *options;
    struct report *report;
    struct call *calls;
    int64_t start, from, to; /* pacing began; what is measured lies between `from` and `to` */
    uint64_t echoes;
    struct histogram window;
    int64_t window_ends;
};

static int64_t nanoseconds(double seconds)
{
    return (int64_t)(seconds * 1e9);
}

/* Tell whoever started this process; each word is a line. */
static void announce(const char *word)
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

/* Handle what arrives until `until` (ns), or until something did. */
static void wait_once(struct run *run, int64_t until)
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

static bool open_all(struct run *run, struct state *state)
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
    for (int64_t deadline = now_ns() + LAST_ECHOES; run->open && now_ns() < deadline;)
        wait_once(run, deadline);
    for (uint32_t i = 0; i < state->options->calls; i++)
        if (state->calls[i].state != CALL_NONE && state->calls[i].state != CALL_ENDED)
            call_hang_up(run, &state->calls[i]);
}

static void end_window(struct state *state)
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

static void count_delay(struct state *state, int64_t delay, int64_t now)
{
    state->report->echoed++;
    state->report->late += delay > LATE;
    histogram_add(&state->report->delay, delay);
    if (state->options->window > 0) {
        while (now >= state->window_ends)
            end_window(state);
        histogram_add(&state->window, delay);
    }
}

/* Frame n of call c is due at start + (n + c / calls) * 20 ms, whatever happened before. */
static int64_t due(const struct state *state, uint32_t id, uint32_t number)
{
    return state->start + PERIOD * number + PERIOD * id / state->options->calls;
}

static void paced_echo(struct run *run, struct call *call, uint32_t number, int64_t now)
{
    struct state *state = run->mode;
    int64_t wanted = due(state, call->id, number);
    if (wanted >= state->from && wanted < state->to)
        count_delay(state, now - wanted, now);
}

static void send_due(struct run *run, struct state *state, struct call *call, int64_t wanted)
{
    struct report *report = state->report;
    bool counts = wanted >= state->from && wanted < state->to;
    if (call->state == CALL_OPEN && call_send_frames(run, call, 1)) {
        if (counts) {
            report->sent++;
            histogram_add(&report->lag, now_ns() - wanted);
        }
        return;
    }
    call->next++;
    report->skipped += counts;
}

static bool hopeless(const struct state *state)
{
    return state->options->stop_late && state->report->late >= state->options->stop_late;
}

static void paced(struct run *run, struct state *state)
{
    const struct options *options = state->options;
    uint32_t call = 0, number = 0;
    bool measuring = false;

    run->echoed = paced_echo;
    if (!open_all(run, state))
        return;
    state->start = now_ns() + 10 * MS;
    state->from = state->start + nanoseconds(options->warmup);
    state->to = state->from + nanoseconds(options->seconds);
    state->window_ends = state->from + nanoseconds(options->window);
    for (int64_t wanted = state->start; wanted < state->to;) {
        if (!measuring && wanted >= state->from) {
            measuring = true;
            announce("measuring");
        }
        for (int burst = 0; burst < FRAMES_BEFORE_READING && wanted <= now_ns(); burst++) {
            send_due(run, state, &state->calls[call], wanted);
            if (++call == options->calls) {
                call = 0;
                number++;
            }
            wanted = due(state, call, number);
        }
        wait_once(run, wanted);
        if (now_ns() - wanted > GIVE_UP)
            run_fail(run, "the load generator itself is 5 s behind: fewer calls, or a core of its own");
        if (run->open == 0 || now_ns() - wanted > GIVE_UP || hopeless(state))
            break;
    }
    announce("measured");
    for (int64_t end = now_ns() + LAST_ECHOES;
         state->report->echoed < state->report->sent && now_ns() < end && run->open &&
         !hopeless(state);)
        wait_once(run, end);
    state->report->late += state->report->skipped + state->report->sent - state->report->echoed;
    state->report->measured_seconds = options->seconds;
    if (options->window > 0 && state->window.total)
        end_window(state);
}

static void send_more(struct run *run, struct call *call, uint32_t count, int64_t now)
{
    for (uint32_t i = 0; i < count; i++)
        call->sent_at[(call->next + i) % run->depth] = now;
    call_send_frames(run, call, count);
}

static void flood_echo(struct run *run, struct call *call, uint32_t number, int64_t now)
{
    struct state *state = run->mode;
    state->echoes++;
    if (call->sent_at && now >= state->from && now < state->to)
        count_delay(state, now - call->sent_at[number % run->depth], now);
}

/* Keep `depth` frames in flight on each call; what came back in one read is sent anew in one write. */
static void flood(struct run *run, struct state *state)
{
    const struct options *options = state->options;
    bool measuring = false;

    run->echoed = flood_echo;
    if (!open_all(run, state))
        return;
    int64_t *rings = calloc((size_t)options->calls * run->depth, sizeof *rings);
    if (!rings) {
        run_fail(run, "out of memory");
        return;
    }
    state->start = now_ns();
    state->from = state->start + nanoseconds(options->warmup);
    state->to = state->from + nanoseconds(options->seconds);
    for (uint32_t i = 0; i < options->calls; i++) {
        state->calls[i].sent_at = rings + (size_t)i * run->depth;
        send_more(run, &state->calls[i], run->depth, state->start);
    }
    for (int64_t now = state->start; now < state->to && run->open; now = now_ns()) {
        struct epoll_event events[64];
        if (!measuring && now >= state->from) {
            measuring = true;
            announce("measuring");
        }
        if (options->frames && state->echoes >= options->frames)
            break;
        int count = epoll_wait(run->epoll, events, 64, 100);
        for (int i = 0; i < count; i++) {
            struct call *call = events[i].data.ptr;
            call_event(run, call, events[i].events);
            uint32_t flying = call->next - call->expected;
            if (call->state == CALL_OPEN && flying < run->depth && !call->unsent_bytes)
                send_more(run, call, run->depth - flying, now_ns());
        }
    }
    announce("measured");
    if (options->frames && state->echoes < options->frames)
        run_fail(run, "%llu of %llu frames came back within %g s",
                 (unsigned long long)state->echoes, (unsigned long long)options->frames,
                 options->warmup + options->seconds);
    int64_t end = now_ns();
    state->report->measured_seconds = (double)((end < state->to ? end : state->to) - state->from) / 1e9;
    state->report->sent = state->report->echoed;
    if (options->frames)
        state->report->echoed = state->echoes;
    for (uint32_t i = 0; i < options->calls; i++)
        state->calls[i].sent_at = NULL;
    free(rings);
}

static void ignore_echo(struct run *run, struct call *call, uint32_t number, int64_t now)
{
    (void)call, (void)number, (void)now;
    ((struct state *)run->mode)->echoes++;
}

/* Let each call echo a few frames, then only hold it. */
static void idle(struct run *run, struct state *state)
{
    const struct options *options = state->options;
    uint64_t wanted = (uint64_t)options->calls * IDLE_FRAMES;

    run->echoed = ignore_echo;
    if (!open_all(run, state))
        return;
    int64_t deadline = now_ns() + nanoseconds(options->open_seconds);
    for (uint32_t sent = 0; state->echoes < wanted && now_ns() < deadline && !run->failure[0];) {
        while (sent < wanted && sent < state->echoes + 100)
            call_send_frames(run, &state->calls[sent++ % options->calls], 1);
        wait_once(run, deadline);
    }
    if (state->echoes < wanted)
        run_fail(run, "%llu of %llu frames came back", (unsigned long long)state->echoes,
                 (unsigned long long)wanted);
    announce("measuring");
    for (int64_t end = now_ns() + nanoseconds(options->seconds); now_ns() < end;)
        wait_once(run, end);
    announce("measured");
    state->report->sent = state->report->echoed = state->echoes;
    state->report->measured_seconds = options->seconds;
}

/* Open calls and end them at once, `depth` at a time. */
static void handshakes(struct run *run, struct state *state)
{
    int64_t begin = now_ns(), end = begin + nanoseconds(state->options->seconds);
    uint64_t *count = &state->report->handshakes;

    run->echoed = ignore_echo;
    run->closing = true;
    announce("measuring");
    while (now_ns() < end && !run->failure[0]) {
        for (uint32_t i = 0; i < state->options->calls; i++) {
            struct call *call = &state->calls[i];
            if (call->state == CALL_NONE || call->state == CALL_ENDED) {
                call->id = i;
                call_begin(run, call);
            }
        }
        struct epoll_event events[64];
        int ready = epoll_wait(run->epoll, events, 64, 100);
        for (int i = 0; i < ready; i++) {
            struct call *call = events[i].data.ptr;
            bool was_open = call->state == CALL_OPEN;
            call_event(run, call, events[i].events);
            if (call->state == CALL_OPEN && !was_open)
                call_send_close(run, call);
            if (call->state == CALL_ENDED && was_open)
                ++*count;
        }
    }
    announce("measured");
    state->report->measured_seconds = (double)(now_ns() - begin) / 1e9;
    if (!*count)
        run_fail(run, "no call was opened and ended within %g s", state->options->seconds);
}

/* Send all that the peer takes and read nothing: what does that cost the peer? */
static void deaf(struct run *run, struct state *state)
{
    run->echoed = ignore_echo;
    if (!open_all(run, state))
        return;
    run->deaf = true;
    announce("measuring");
    state->start = now_ns();
    for (uint32_t i = 0; i < state->options->calls; i++) {
        struct epoll_event event = {.events = EPOLLOUT, .data.ptr = &state->calls[i]};
        epoll_ctl(run->epoll, EPOLL_CTL_MOD, state->calls[i].fd, &event);
    }
    for (int64_t end = state->start + nanoseconds(state->options->seconds); now_ns() < end;) {
        struct epoll_event events[64];
        int count = epoll_wait(run->epoll, events, 64, 100);
        for (int i = 0; i < count; i++) {
            struct call *call = events[i].data.ptr;
            call_event(run, call, events[i].events);
            if (call->state == CALL_OPEN && !call->unsent_bytes)
                call_send_frames(run, call, 16);
        }
        if (!run->open)
            break;
    }
    if (!run->open)
        state->report->ended_after = now_ns() - state->start;
    announce("measured");
    state->report->measured_seconds = (double)(now_ns() - state->start) / 1e9;
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
