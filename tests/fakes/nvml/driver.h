/* What the two halves of the fake driver share: devices, and what every call goes through first. */
#ifndef LANEWATCH_FAKE_DRIVER_H
#define LANEWATCH_FAKE_DRIVER_H

#include "abi.h"

enum { MOST_DEVICES = 16, MOST_INSTANCES = 7 };

struct Device {
    int index;      /* of the card, also for an instance */
    int instance;   /* -1: the card itself */
    char name[32];  /* where its keys begin in the scenario */
};

/* The instance of this number of a card, whether the scenario has it or not. */
Device *instance_of(int device, int instance);

/* Counts the call and does with it what the scenario says: print, crash, delay, sleep, fail. */
Return enter(const char *function, int device);

#define ENTER(device)                                                    \
    do {                                                                 \
        Return code_ = enter(__func__, (device) ? (device)->index : -1); \
        if (code_ != SUCCESS) return code_;                              \
    } while (0)

#endif
