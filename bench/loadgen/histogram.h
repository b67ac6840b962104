/* Durations in nanoseconds, kept to within 1.6 %, in constant memory. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_SUB = 64, HISTOGRAM_BUCKETS = HISTOGRAM_SUB * 40 };

struct histogram {
    uint64_t total;
    int64_t max;
    uint64_t count[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *h);
void histogram_add(struct histogram *h, int64_t ns);

/* The duration that `share` (0 to 1) of all that were added did not exceed; 0 when there are none. */
int64_t histogram_quantile(const struct histogram *h, double share);

#endif
