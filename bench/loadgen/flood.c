/* As many frames as the server takes. */
#include "state.h"

#include <stdlib.h>
#include <sys/epoll.h>

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
void flood(struct run *run, struct state *state)
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
