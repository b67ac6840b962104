/* Calls at their own pace, on an absolute clock. */
#include "state.h"

enum { FRAMES_BEFORE_READING = 64 }; /* due frames sent in a row before echoes are read */
static const int64_t PERIOD = 20 * MS;
static const int64_t GIVE_UP = 5 * SECOND;
static const int64_t LAST_ECHOES = 2 * SECOND; /* bound on waiting for them */

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

static void paced_sound(struct run *run, struct call *call, uint32_t number, int64_t now)
{
    struct state *state = run->mode;
    (void)call, (void)number;
    state->report->echoed += now >= state->from && now < state->to;
}

static void send_due(struct run *run, struct state *state, struct call *call, int64_t wanted)
{
    struct report *report = state->report;
    bool counts = wanted >= state->from && wanted < state->to;
    if (run->mute)
        return;
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

void paced(struct run *run, struct state *state)
{
    const struct options *options = state->options;
    uint32_t call = 0, number = 0;
    bool measuring = false;

    run->echoed = run->sound ? paced_sound : paced_echo;
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
         !run->sound && state->report->echoed < state->report->sent && now_ns() < end && run->open &&
         !hopeless(state);)
        wait_once(run, end);
    state->report->late += state->report->skipped;
    if (!run->sound)
        state->report->late += state->report->sent - state->report->echoed;
    state->report->measured_seconds = options->seconds;
    if (options->window > 0 && state->window.total)
        end_window(state);
}
