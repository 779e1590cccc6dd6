/* Answers straight from the scenario: `gpu.<i>.<key>`, or `gpu.<i>.mig.<n>.<key>` for an instance. */
#ifndef LANEWATCH_FAKE_ANSWER_H
#define LANEWATCH_FAKE_ANSWER_H

#include <stdio.h>

#include "driver.h"

Return number(Device *device, const char *key, unsigned long long *out);
Return small_number(Device *device, const char *key, unsigned *out);
Return words(Device *device, const char *key, char *out, unsigned size);

#define SMALL(function, key) \
    Return function(Device *device, unsigned *out) { ENTER(device); return small_number(device, key, out); }
#define LARGE(function, key) \
    Return function(Device *device, unsigned long long *out) { ENTER(device); return number(device, key, out); }
#define WORDS(function, key) \
    Return function(Device *device, char *out, unsigned size) { ENTER(device); return words(device, key, out, size); }
#define SAMPLED(function, key)                                               \
    Return function(Device *device, unsigned *out, unsigned *period) {       \
        ENTER(device);                                                       \
        *period = 167000;                                                    \
        return small_number(device, key, out);                               \
    }
#define NAMED(function, kind)                                                \
    Return function(Device *device, unsigned which, unsigned *out) {         \
        char key[64];                                                        \
        ENTER(device);                                                       \
        snprintf(key, sizeof key, kind ".%u", which);                        \
        return small_number(device, key, out);                               \
    }
#define PAIR(function, first_key, second_key)                                \
    Return function(Device *device, unsigned *first, unsigned *second) {     \
        ENTER(device);                                                       \
        Return code = small_number(device, first_key, first);                \
        return code == SUCCESS ? small_number(device, second_key, second) : code; \
    }

#endif
