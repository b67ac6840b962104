/* Load of calls on an echo server, and what came back, as one JSON object on stdout.

   Exit status: 0 measured; 1 the peer failed (the object's "failure" says how); 2 wrong usage.
   Lines on stderr tell how far it is: open, measuring, measured. */
#define _GNU_SOURCE
#include "modes.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MAX_TOKENS_BYTES = 64 << 20 };

static const char usage[] =
    "usage: loadgen [options] MODE PORT\n"
    "  paced       each call sends 640 bytes every 20 ms, on an absolute clock\n"
    "  flood       each call keeps --depth frames in flight\n"
    "  handshakes  --calls at a time are opened and ended at once\n"
    "  idle        calls that echoed five frames are held\n"
    "  deaf        calls send all they can and read nothing\n"
    "options:\n"
    "  --host ADDRESS      IPv4 address (127.0.0.1)\n"
    "  --path PATH         (/socket)\n"
    "  --calls N           (100)\n"
    "  --seconds S         measured time (5)\n"
    "  --warmup S          time before it that does not count (1)\n"
    "  --open-seconds S    bound on opening all calls (30)\n"
    "  --depth K           frames in flight on each call of a flood, 1 to 256 (1)\n"
    "  --frames F          end a flood after F echoes, or after F handshakes; --seconds is then the\n"
    "                      bound\n"
    "  --sound             paced: the peer plays a sound; its frames are counted, not compared\n"
    "  --mute              paced: send no audio\n"
    "  --tokens FILE       bearer tokens for the handshakes, one a line, each used once\n"
    "  --late-ms T         an echo that takes longer is late (none is)\n"
    "  --stop-late F       end a paced run once F frames were late\n"
    "  --window S          report the delay of each S seconds on its own, too\n";

static _Noreturn void wrong_usage(const char *what, const char *seen)
{
    fprintf(stderr, "loadgen: %s: %s\n%s", what, seen, usage);
    exit(2);
}

static double number(const char *name, const char *text, double least, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= least && value <= most)) {
        char what[128];
        snprintf(what, sizeof what, "%s must be a number from %g to %g", name, least, most);
        wrong_usage(what, text);
    }
    return value;
}

static void too_long(int signal_number)
{
    static const char text[] = "loadgen: gave up, the run took far longer than asked for\n";
    (void)signal_number;
    if (write(2, text, sizeof text - 1) < 0)
        _exit(1);
    _exit(1);
}

static void print_text(const char *text)
{
    putchar('"');
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7E)
            printf("\\u%04x", (unsigned char)*text);
        else
            putchar(*text);
    putchar('"');
}

static void print_times(const char *name, const struct histogram *h)
{
    printf("  \"%s\": {\"count\": %llu, \"p50\": %.4f, \"p99\": %.4f, \"p999\": %.4f, \"max\": %.4f},\n",
           name, (unsigned long long)h->total, (double)histogram_quantile(h, 0.5) / 1e6,
           (double)histogram_quantile(h, 0.99) / 1e6, (double)histogram_quantile(h, 0.999) / 1e6,
           (double)h->max / 1e6);
}

static void print_count(const char *name, uint64_t value)
{
    printf("  \"%s\": %llu,\n", name, (unsigned long long)value);
}

static void print_report(const struct options *options, const struct run *run,
                         const struct report *report)
{
    printf("{\n  \"mode\": \"%s\",\n", options->mode);
    print_count("calls", options->calls);
    print_count("depth", options->depth);
    printf("  \"seconds\": %.3f,\n", report->measured_seconds);
    print_count("sent", report->sent);
    print_count("echoed", report->echoed);
    print_count("late", report->late);
    print_count("skipped", report->skipped);
    print_count("frames_sent", run->frames_sent);
    print_count("frames_back", run->frames_back);
    print_count("corrupted", run->corrupted);
    print_count("reordered", run->reordered);
    print_count("texts", run->texts);
    print_count("bytes_sent", run->bytes_sent);
    print_count("handshakes", report->handshakes);
    print_times("delay_ms", &report->delay);
    print_times("lag_ms", &report->lag);
    print_times("handshake_ms", &run->handshake);
    printf("  \"cpu_seconds\": %.3f,\n  \"windows\": [", report->cpu_seconds);
    for (uint32_t i = 0; i < report->window_count; i++) {
        const struct window *w = &report->windows[i];
        printf("%s\n    {\"frames\": %llu, \"p50\": %.4f, \"p99\": %.4f, \"max\": %.4f}", i ? "," : "",
               (unsigned long long)w->frames, (double)w->p50 / 1e6, (double)w->p99 / 1e6,
               (double)w->max / 1e6);
    }
    printf("],\n  \"failure\": ");
    if (run->failure[0])
        print_text(run->failure);
    else
        printf("null");
    printf("\n}\n");
}

static char *read_tokens(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, MAX_TOKENS_BYTES + 1);
    if (!file || !text || fread(text, 1, MAX_TOKENS_BYTES + 1, file) > MAX_TOKENS_BYTES)
        wrong_usage("--tokens must be a file of at most 64 MiB", path);
    text[MAX_TOKENS_BYTES] = 0;
    fclose(file);
    return text;
}

static struct options read_options(int argc, char **argv, struct run *run)
{
    static const struct option names[] = {
        {"host", 1, NULL, 'h'},    {"path", 1, NULL, 'p'},   {"calls", 1, NULL, 'c'},
        {"seconds", 1, NULL, 's'}, {"warmup", 1, NULL, 'w'}, {"open-seconds", 1, NULL, 'o'},
        {"depth", 1, NULL, 'd'},   {"frames", 1, NULL, 'f'}, {"window", 1, NULL, 'i'},
        {"stop-late", 1, NULL, 'l'}, {"late-ms", 1, NULL, 't'},
        {"sound", 0, NULL, 'S'}, {"mute", 0, NULL, 'M'}, {"tokens", 1, NULL, 'T'}, {"help", 0, NULL, 'H'}, {NULL, 0, NULL, 0},
    };
    struct options options = {
        .calls = 100, .depth = 1, .seconds = 5, .warmup = 1, .open_seconds = 30};
    run->host = "127.0.0.1";
    run->path = "/socket";
    for (int o; (o = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (o) {
        case 'h': run->host = optarg; break;
        case 'p': run->path = optarg; break;
        case 'c': options.calls = (uint32_t)number("--calls", optarg, 1, 60000); break;
        case 's': options.seconds = number("--seconds", optarg, 0.1, 86400); break;
        case 'w': options.warmup = number("--warmup", optarg, 0, 3600); break;
        case 'o': options.open_seconds = number("--open-seconds", optarg, 0.1, 3600); break;
        case 'd': options.depth = (uint32_t)number("--depth", optarg, 1, 256); break;
        case 'f': options.frames = (uint64_t)number("--frames", optarg, 1, 1e12); break;
        case 'l': options.stop_late = (uint64_t)number("--stop-late", optarg, 1, 1e12); break;
        case 't': options.late_ms = number("--late-ms", optarg, 0.1, 60000); break;
        case 'i': options.window = number("--window", optarg, 0.1, 3600); break;
        case 'S': run->sound = true; break;
        case 'M': run->mute = true; break;
        case 'T': run->tokens = read_tokens(optarg); break;
        case 'H': fputs(usage, stdout); exit(0);
        default: fputs(usage, stderr); exit(2);
        }
    }
    if (argc - optind != 2)
        wrong_usage("MODE and PORT are needed", argc > optind ? argv[optind] : "nothing given");
    options.mode = argv[optind];
    run->port = (uint32_t)number("PORT", argv[optind + 1], 1, 65535);
    run->address.sin_family = AF_INET;
    run->address.sin_port = htons((uint16_t)run->port);
    if (inet_pton(AF_INET, run->host, &run->address.sin_addr) != 1)
        wrong_usage("--host must be an IPv4 address", run->host);
    if (strlen(run->path) > 200 || run->path[0] != '/' || strpbrk(run->path, " \r\n"))
        wrong_usage("--path must begin with /, without spaces, 200 characters at most", run->path);
    return options;
}

int main(int argc, char **argv)
{
    static struct run run;
    static struct report report;
    struct rlimit files;

    struct options options = read_options(argc, argv, &run);
    run.depth = options.depth;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (options.calls + 16 > files.rlim_max)
        wrong_usage("--calls is more than open files are allowed (ulimit -Hn)", "see --calls");
    prctl(PR_SET_TIMERSLACK, 1L); /* else each wait is up to 50 us too long */
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    signal(SIGALRM, too_long);
    alarm((unsigned)(options.warmup + options.seconds + 2 * options.open_seconds) + 30);
    if (!run_mode(&run, &options, &report))
        wrong_usage("no such mode", options.mode);
    print_report(&options, &run, &report);
    if (run.failure[0])
        fprintf(stderr, "loadgen: %s\n", run.failure);
    return run.failure[0] ? 1 : 0;
}
