/* A small platform with something of everything in it, for the fuzzers: made once by commands, then again
 * and again from its log. */
#ifndef TESTS_FUZZ_PLATFORM_SEED_H
#define TESTS_FUZZ_PLATFORM_SEED_H

#include "platform/platform.h"
#include "platform/view.h"

#define SEED_NOW_US INT64_C(1800000000000000)

/* The caller frees. */
struct platform *seed_platform(void);
/* Walks the state, shows all of it, and aborts unless a snapshot gives the same. */
void seed_check(const struct platform *platform);

#endif
