/* What the two halves of the fake driver share: devices, and what every call goes through first. */
#ifndef LANEWATCH_FAKE_DRIVER_H
#define LANEWATCH_FAKE_DRIVER_H

#include "abi.h"

enum { MOST_DEVICES = 16 };

struct Device {
    int index;
};

/* Counts the call and does with it what the scenario says: print, crash, delay, sleep, fail. */
Return enter(const char *function, int device);

#define ENTER(device)                                                    \
    do {                                                                 \
        Return code_ = enter(__func__, (device) ? (device)->index : -1); \
        if (code_ != SUCCESS) return code_;                              \
    } while (0)

#endif
