/* A driver library with NVML's interface and no driver behind it: start, enumeration and events.
 *
 * Written for Lanewatch's tests; nothing of NVIDIA's is in it. What the scenario may say stands in scenario.py.
 */
#define _GNU_SOURCE
#include "driver.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "scenario.h"

enum { SLICE_US = 5000 };

struct EventSet {
    unsigned long long masks[MOST_DEVICES];
    long last_xid;
};

static Device devices[MOST_DEVICES];
static Device instances[MOST_DEVICES][MOST_INSTANCES];
static int users;            /* how often somebody initialised */
static long long generation; /* of the driver that was there then: under another one all calls are UNINITIALIZED */

/* --- what every call goes through ---------------------------------------------------------------------------------- */

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static long long driver_generation(void) {
    long long value = 1;
    scenario_number(&value, "driver_generation");
    return value;
}

/* Sleeps as long as the scenario says so: `forever` ends when the scenario changes its mind. */
static void sleep_as_told(const char *function, int device) {
    char value[TEXT_SIZE];
    double started = now();
    while (scenario_rule(value, "sleep", function, device)) {
        if (strcmp(value, "forever") != 0 && now() - started >= atof(value)) return;
        usleep(SLICE_US);
    }
}

/* Writes into all pipes that do not belong to it, as a library with a stray descriptor would. */
static void spill_as_told(const char *function, int device) {
    char value[TEXT_SIZE];
    struct stat about;
    if (!scenario_rule(value, "spill", function, device)) return;
    size_t size = (size_t)atol(value);
    char *spilled = malloc(size);
    memset(spilled, strchr(value, ':') ? '\n' : 'x', size); /* `<size>:` is lines, `<size>` is one without an end */
    for (int file = 3; file < 64; file++)
        if (fstat(file, &about) == 0 && S_ISFIFO(about.st_mode) && write(file, spilled, size) < 0) break;
    free(spilled);
}

static void misbehave_as_told(const char *function, int device) {
    char value[TEXT_SIZE];
    if (scenario_rule(value, "print", function, device)) {
        printf("%s\n", value);
        fflush(stdout);
    }
    spill_as_told(function, device);
    if (scenario_rule(value, "crash", function, device)) raise(SIGSEGV);
    if (scenario_rule(value, "delay_us", function, device)) usleep((useconds_t)atoi(value));
    sleep_as_told(function, device);
}

static Return enter_uninitialised(const char *function, int device) {
    char value[TEXT_SIZE];
    count_call(function, device);
    misbehave_as_told(function, device);
    return scenario_rule(value, "return", function, device) ? atoi(value) : SUCCESS;
}

static bool is_lost(int device) {
    long long value = 0;
    return device >= 0 && scenario_number(&value, "gpu.%d.lost", device) && value;
}

Return enter(const char *function, int device) {
    Return code = enter_uninitialised(function, device);
    if (code != SUCCESS) return code;
    if (users == 0 || generation != driver_generation()) return UNINITIALIZED;
    return is_lost(device) ? GPU_IS_LOST : SUCCESS;
}

/* --- start and end ------------------------------------------------------------------------------------------------- */

static void name_device(int index) {
    devices[index] = (Device){index, -1, ""};
    snprintf(devices[index].name, sizeof devices[index].name, "gpu.%d", index);
    for (int i = 0; i < MOST_INSTANCES; i++) {
        Device *instance = &instances[index][i];
        *instance = (Device){index, i, ""};
        snprintf(instance->name, sizeof instance->name, "gpu.%d.mig.%d", index, i);
    }
}

Device *instance_of(int device, int instance) { return &instances[device][instance]; }

Return nvmlInitWithFlags(unsigned flags) {
    (void)flags;
    Return code = enter_uninitialised(__func__, -1);
    if (code != SUCCESS) return code;
    for (int i = 0; i < MOST_DEVICES; i++) name_device(i);
    prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); /* a test may hold on to us, to be a process that cannot end */
    generation = driver_generation();
    users++;
    return SUCCESS;
}

Return nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

Return nvmlShutdown(void) {
    ENTER((Device *)NULL);
    users--;
    return SUCCESS;
}

const char *nvmlErrorString(Return code) {
    static char text[32];
    snprintf(text, sizeof text, "fake error %d", code);
    return text;
}

/* --- the whole machine --------------------------------------------------------------------------------------------- */

static Return system_words(const char *key, char *out, unsigned size) {
    char value[TEXT_SIZE];
    if (!scenario_text(value, "%s", key)) return NOT_SUPPORTED;
    snprintf(out, size, "%s", value);
    return SUCCESS;
}

Return nvmlSystemGetDriverVersion(char *out, unsigned size) {
    ENTER((Device *)NULL);
    return system_words("driver_version", out, size);
}

Return nvmlSystemGetNVMLVersion(char *out, unsigned size) {
    ENTER((Device *)NULL);
    return system_words("nvml_version", out, size);
}

Return nvmlSystemGetCudaDriverVersion_v2(int *out) {
    long long value = 0;
    ENTER((Device *)NULL);
    if (!scenario_number(&value, "cuda_version")) return NOT_SUPPORTED;
    *out = (int)value;
    return SUCCESS;
}

Return nvmlSystemGetCudaDriverVersion(int *out) { return nvmlSystemGetCudaDriverVersion_v2(out); }

static int device_count(void) {
    long long value = 0;
    scenario_number(&value, "devices");
    return value > MOST_DEVICES ? MOST_DEVICES : (int)value;
}

Return nvmlDeviceGetCount_v2(unsigned *out) {
    ENTER((Device *)NULL);
    *out = (unsigned)device_count();
    return SUCCESS;
}

Return nvmlDeviceGetHandleByIndex_v2(unsigned index, Device **out) {
    if (index >= (unsigned)device_count()) return INVALID_ARGUMENT;
    *out = &devices[index];
    return enter(__func__, (int)index);
}

static bool is_called(Device *device, const char *key, const char *wanted) {
    char value[TEXT_SIZE];
    return scenario_text(value, "%s.%s", device->name, key) && strcmp(value, wanted) == 0;
}

static Return find_device(const char *function, const char *key, const char *wanted, Device **out) {
    for (int i = 0; i < device_count() * (MOST_INSTANCES + 1); i++) {
        int device = i / (MOST_INSTANCES + 1), instance = i % (MOST_INSTANCES + 1) - 1;
        Device *candidate = instance < 0 ? &devices[device] : &instances[device][instance];
        if (!is_called(candidate, key, wanted)) continue;
        *out = candidate;
        return enter(function, device);
    }
    return NOT_FOUND;
}

Return nvmlDeviceGetHandleByUUID(const char *uuid, Device **out) { return find_device(__func__, "uuid", uuid, out); }

Return nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, Device **out) {
    return find_device(__func__, "pci_bus_id", bus_id, out);
}

/* --- events: `xid.<number>=<gpu>:<code>[:<type>]`, each delivered once to whoever waited before it was written ------ */

Return nvmlEventSetCreate(EventSet **out) {
    char value[TEXT_SIZE];
    long next;
    ENTER((Device *)NULL);
    EventSet *set = calloc(1, sizeof *set);
    while (scenario_next_xid(&next, value, set->last_xid)) set->last_xid = next;
    *out = set;
    return SUCCESS;
}

Return nvmlDeviceRegisterEvents(Device *device, unsigned long long mask, EventSet *set) {
    long long supported = 0;
    ENTER(device);
    if (!scenario_number(&supported, "gpu.%d.event_types", device->index)) return NOT_SUPPORTED;
    if (mask & ~(unsigned long long)supported) return NOT_SUPPORTED;
    set->masks[device->index] |= mask;
    return SUCCESS;
}

static bool take_event(EventSet *set, EventData *out) {
    char value[TEXT_SIZE];
    while (scenario_next_xid(&set->last_xid, value, set->last_xid)) {
        int device = atoi(value);
        const char *code = strchr(value, ':');
        if (code == NULL || device < 0 || device >= MOST_DEVICES) continue;
        const char *kind = strchr(code + 1, ':');
        unsigned long long type = kind == NULL ? EVENT_XID : strtoull(kind + 1, NULL, 0);
        if (!(set->masks[device] & type)) continue;
        *out = (EventData){&devices[device], type, strtoull(code + 1, NULL, 0), ~0u, ~0u};
        return true;
    }
    return false;
}

Return nvmlEventSetWait_v2(EventSet *set, EventData *out, unsigned timeout_ms) {
    double started = now();
    ENTER((Device *)NULL);
    while (!take_event(set, out)) {
        if (now() - started >= timeout_ms / 1e3) return TIMEOUT;
        usleep(SLICE_US);
    }
    return SUCCESS;
}

Return nvmlEventSetFree(EventSet *set) {
    ENTER((Device *)NULL);
    free(set);
    return SUCCESS;
}
