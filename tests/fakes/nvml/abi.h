/* The part of NVML's binary interface that the fake driver offers, in the layout that nvidia-ml-py 13.615 expects. */
#ifndef LANEWATCH_FAKE_ABI_H
#define LANEWATCH_FAKE_ABI_H

#include <stdint.h>

typedef int Return;
enum {
    SUCCESS = 0,
    UNINITIALIZED = 1,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7,
    TIMEOUT = 10,
    GPU_IS_LOST = 15,
};

typedef struct Device Device;
typedef struct EventSet EventSet;

typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned version; unsigned long long total, reserved, free, used; } MemoryV2;
typedef struct { unsigned long long total, free, used; } Bar1Memory;
typedef struct { unsigned gpu, memory; } Utilization;
typedef struct { unsigned version, sensor; int temperature; } TemperatureV1;
typedef struct { unsigned pid; unsigned long long memory; unsigned gpu_instance, compute_instance; } Process;
typedef struct {
    char legacy_bus_id[16];
    unsigned domain, bus, device, device_id, subsystem_id;
    char bus_id[32];
} PciInfo;
typedef union { double d; unsigned ui; unsigned long ul; unsigned long long ull; long long sll; } Value;
typedef struct {
    uint32_t field, scope;
    int64_t timestamp, latency;
    unsigned type;
    Return code;
    Value value;
} FieldValue;
typedef struct { unsigned version; int margin; } MarginV1;
typedef struct { unsigned long long timestamp; Value value; } Sample;
typedef struct GpmSample { unsigned long long taken; } GpmSample;
typedef struct { char *short_name, *long_name, *unit; } GpmMetricInfo;
typedef struct { unsigned id; Return code; double value; GpmMetricInfo info; } GpmMetric;
typedef struct { unsigned version, count; GpmSample *first, *second; GpmMetric metrics[]; } GpmMetrics;
typedef struct { unsigned version, is_supported; } GpmSupport;
typedef struct {
    Device *device;
    unsigned long long type, data;
    unsigned gpu_instance, compute_instance;
} EventData;

enum { VALUE_UNSIGNED_INT = 1, VALUE_UNSIGNED_LONG_LONG = 3 };
enum { EVENT_XID = 0x8 };

#endif
