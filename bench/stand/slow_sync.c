/* A disk that takes its time: every fsync and fdatasync lasts at least SLOW_SYNC_US microseconds.
 *
 * Loaded with LD_PRELOAD by bench/append.py, under the bare floor and under SQLite alike. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static long least_us;

__attribute__((constructor)) static void begin(void)
{
    const char *said = getenv("SLOW_SYNC_US");
    least_us = said ? atol(said) : 0;
}

static int slowly(const char *name, int descriptor)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int result = real(descriptor);
    until.tv_nsec += least_us * 1000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) != 0)
        ; /* a signal came: the rest of the sleep is still owed */
    return result;
}

int fsync(int descriptor)
{
    return slowly("fsync", descriptor);
}

int fdatasync(int descriptor)
{
    return slowly("fdatasync", descriptor);
}
