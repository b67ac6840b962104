/* Loads that are not about audio: calls that are held, that begin and end, that never read. */
#include "state.h"

#include <sys/epoll.h>

enum { IDLE_FRAMES = 5 }; /* echoed on each call before it falls silent */

static void ignore_echo(struct run *run, struct call *call, uint32_t number, int64_t now)
{
    (void)call, (void)number, (void)now;
    ((struct state *)run->mode)->echoes++;
}

/* Let each call echo a few frames, then only hold it. */
void idle(struct run *run, struct state *state)
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

static bool done(const struct options *options, uint64_t count)
{
    return options->frames && count >= options->frames;
}

/* Open calls and end them at once, `depth` at a time. */
void handshakes(struct run *run, struct state *state)
{
    int64_t begin = now_ns(), end = begin + nanoseconds(state->options->seconds);
    uint64_t *count = &state->report->handshakes;

    run->echoed = ignore_echo;
    run->closing = true;
    announce("measuring");
    while (now_ns() < end && !run->failure[0] && !done(state->options, *count)) {
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
void deaf(struct run *run, struct state *state)
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
    announce("measured");
    state->report->measured_seconds = (double)(now_ns() - state->start) / 1e9;
}
