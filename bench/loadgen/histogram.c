#include "histogram.h"

#include <string.h>

/* Each power of two is cut into HISTOGRAM_SUB equal parts, as HdrHistogram does. */
static unsigned bucket_of(uint64_t ns)
{
    if (ns < HISTOGRAM_SUB)
        return (unsigned)ns;
    unsigned shift = 57 - (unsigned)__builtin_clzll(ns);
    unsigned bucket = HISTOGRAM_SUB * (shift + 1) + (unsigned)(ns >> shift) - HISTOGRAM_SUB;
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static int64_t upper_edge(unsigned bucket)
{
    if (bucket < HISTOGRAM_SUB)
        return bucket;
    unsigned shift = bucket / HISTOGRAM_SUB - 1;
    return ((int64_t)(HISTOGRAM_SUB + bucket % HISTOGRAM_SUB + 1) << shift) - 1;
}

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof *h);
}

void histogram_add(struct histogram *h, int64_t ns)
{
    if (ns < 0)
        ns = 0;
    if (ns > h->max)
        h->max = ns;
    h->total++;
    h->count[bucket_of((uint64_t)ns)]++;
}

int64_t histogram_quantile(const struct histogram *h, double share)
{
    double wanted = share * (double)h->total;
    uint64_t seen = 0;
    for (unsigned bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += h->count[bucket];
        if (h->count[bucket] && (double)seen >= wanted) {
            int64_t edge = upper_edge(bucket);
            return edge < h->max ? edge : h->max;
        }
    }
    return h->max;
}
