/* What a card says about itself: every answer comes from the scenario, and what it does not name is NOT_SUPPORTED. */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "answer.h"
#include "scenario.h"

/* --- answers straight from the scenario ---------------------------------------------------------------------------- */

Return number(Device *device, const char *key, unsigned long long *out) {
    long long value = 0;
    if (!scenario_number(&value, "%s.%s", device->name, key)) return NOT_SUPPORTED;
    *out = (unsigned long long)value;
    return SUCCESS;
}

Return small_number(Device *device, const char *key, unsigned *out) {
    unsigned long long value;
    Return code = number(device, key, &value);
    if (code == SUCCESS) *out = (unsigned)value;
    return code;
}

Return words(Device *device, const char *key, char *out, unsigned size) {
    char value[TEXT_SIZE];
    if (!scenario_text(value, "%s.%s", device->name, key)) return NOT_SUPPORTED;
    if (strlen(value) >= size) return INSUFFICIENT_SIZE;
    strcpy(out, value);
    return SUCCESS;
}

WORDS(nvmlDeviceGetUUID, "uuid")
WORDS(nvmlDeviceGetName, "name")
WORDS(nvmlDeviceGetSerial, "serial")
WORDS(nvmlDeviceGetVbiosVersion, "vbios_version")
SMALL(nvmlDeviceGetMinorNumber, "minor_number")
SMALL(nvmlDeviceGetBrand, "brand")
SMALL(nvmlDeviceGetArchitecture, "architecture")
SMALL(nvmlDeviceGetNumGpuCores, "gpu_cores")
SMALL(nvmlDeviceGetMemoryBusWidth, "memory_bus_width")
SMALL(nvmlDeviceGetPowerUsage, "power_milliwatts")
SMALL(nvmlDeviceGetPowerManagementLimit, "power_limit_milliwatts")
SMALL(nvmlDeviceGetEnforcedPowerLimit, "power_limit_milliwatts")
SMALL(nvmlDeviceGetPowerManagementDefaultLimit, "power_limit_default_milliwatts")
PAIR(nvmlDeviceGetPowerManagementLimitConstraints, "power_limit_min_milliwatts", "power_limit_max_milliwatts")
LARGE(nvmlDeviceGetTotalEnergyConsumption, "energy_millijoules")
LARGE(nvmlDeviceGetCurrentClocksEventReasons, "clock_events")
LARGE(nvmlDeviceGetCurrentClocksThrottleReasons, "clock_events")
SMALL(nvmlDeviceGetCurrPcieLinkGeneration, "pcie_generation")
SMALL(nvmlDeviceGetCurrPcieLinkWidth, "pcie_width")
SMALL(nvmlDeviceGetMaxPcieLinkGeneration, "pcie_generation_max")
SMALL(nvmlDeviceGetMaxPcieLinkWidth, "pcie_width_max")
SMALL(nvmlDeviceGetPcieReplayCounter, "pcie_replays")
NAMED(nvmlDeviceGetPcieThroughput, "pcie_throughput")
NAMED(nvmlDeviceGetTemperature, "temperature")
NAMED(nvmlDeviceGetTemperatureThreshold, "temperature_threshold")
NAMED(nvmlDeviceGetClockInfo, "clock_megahertz")
NAMED(nvmlDeviceGetMaxClockInfo, "clock_max_megahertz")
NAMED(nvmlDeviceGetApplicationsClock, "clock_megahertz")
SMALL(nvmlDeviceGetFanSpeed, "fan_percent")
NAMED(nvmlDeviceGetFanSpeed_v2, "fan_percent")
SMALL(nvmlDeviceGetNumFans, "fans")
SMALL(nvmlDeviceGetPerformanceState, "performance_state")
SMALL(nvmlDeviceGetPowerState, "performance_state")
SAMPLED(nvmlDeviceGetEncoderUtilization, "encoder_percent")
SAMPLED(nvmlDeviceGetDecoderUtilization, "decoder_percent")
SAMPLED(nvmlDeviceGetJpgUtilization, "jpeg_percent")
SAMPLED(nvmlDeviceGetOfaUtilization, "ofa_percent")
LARGE(nvmlDeviceGetVirtualizationMode, "virtualization_mode")
PAIR(nvmlDeviceGetMigMode, "mig_mode", "mig_mode")
PAIR(nvmlDeviceGetEccMode, "ecc_mode", "ecc_mode")
PAIR(nvmlDeviceGetCudaComputeCapability, "compute_major", "compute_minor")
SMALL(nvmlDeviceGetMaxMigDeviceCount, "mig_devices")
SMALL(nvmlDeviceGetComputeMode, "compute_mode")
SMALL(nvmlDeviceGetPersistenceMode, "persistence_mode")
SMALL(nvmlDeviceGetDisplayMode, "display_mode")
SMALL(nvmlDeviceGetDisplayActive, "display_active")
LARGE(nvmlDeviceGetSupportedEventTypes, "event_types")

Return nvmlDeviceGetIndex(Device *device, unsigned *out) {
    ENTER(device);
    *out = (unsigned)device->index;
    return SUCCESS;
}

Return nvmlDeviceGetTotalEccErrors(Device *device, unsigned kind, unsigned counter, unsigned long long *out) {
    char key[64];
    ENTER(device);
    snprintf(key, sizeof key, "ecc.%u.%u", kind, counter);
    return number(device, key, out);
}

Return nvmlDeviceGetTemperatureV(Device *device, TemperatureV1 *out) {
    char key[64];
    ENTER(device);
    snprintf(key, sizeof key, "temperature.%u", out->sensor);
    return small_number(device, key, (unsigned *)&out->temperature);
}

Return nvmlDeviceGetMemoryInfo_v2(Device *device, MemoryV2 *out) {
    ENTER(device);
    bool is_complete = number(device, "memory_total", &out->total) == SUCCESS &&
                       number(device, "memory_used", &out->used) == SUCCESS &&
                       number(device, "memory_free", &out->free) == SUCCESS &&
                       number(device, "memory_reserved", &out->reserved) == SUCCESS;
    return is_complete ? SUCCESS : NOT_SUPPORTED;
}

/* The old function counts what is reserved as used. */
Return nvmlDeviceGetMemoryInfo(Device *device, Memory *out) {
    ENTER(device);
    bool is_complete = number(device, "memory_total", &out->total) == SUCCESS &&
                       number(device, "memory_free", &out->free) == SUCCESS;
    out->used = out->total - out->free;
    return is_complete ? SUCCESS : NOT_SUPPORTED;
}

Return nvmlDeviceGetBAR1MemoryInfo(Device *device, Bar1Memory *out) {
    ENTER(device);
    bool is_complete = number(device, "bar1_total", &out->total) == SUCCESS &&
                       number(device, "bar1_used", &out->used) == SUCCESS;
    out->free = out->total - out->used;
    return is_complete ? SUCCESS : NOT_SUPPORTED;
}

Return nvmlDeviceGetUtilizationRates(Device *device, Utilization *out) {
    ENTER(device);
    Return code = small_number(device, "utilization_percent", &out->gpu);
    return code == SUCCESS ? small_number(device, "memory_utilization_percent", &out->memory) : code;
}

Return nvmlDeviceGetPciInfo_v3(Device *device, PciInfo *out) {
    ENTER(device);
    memset(out, 0, sizeof *out);
    Return code = words(device, "pci_bus_id", out->bus_id, sizeof out->bus_id);
    if (code != SUCCESS) return code;
    sscanf(out->bus_id, "%x:%x:%x", &out->domain, &out->bus, &out->device);
    snprintf(out->legacy_bus_id, sizeof out->legacy_bus_id, "%04x:%02x:%02x.0", out->domain & 0xffff,
             out->bus & 0xff, out->device & 0xff);
    return SUCCESS;
}

/* --- processes: `gpu.0.compute_processes=<pid>:<bytes>,…`, bytes -1 for "the driver does not say" ------------------ */

static unsigned parse_processes(char *list, Process *out, unsigned room) {
    unsigned found = 0;
    for (char *item = strsep(&list, ","); item != NULL; item = strsep(&list, ",")) {
        char *colon = strchr(item, ':');
        if (colon == NULL) continue;
        if (out != NULL && found < room)
            out[found] = (Process){(unsigned)atoi(item), (unsigned long long)atoll(colon + 1), ~0u, ~0u};
        found++;
    }
    return found;
}

static Return processes(Device *device, const char *key, unsigned *count, Process *out) {
    char value[TEXT_SIZE];
    if (!scenario_text(value, "%s.%s", device->name, key)) return NOT_SUPPORTED;
    unsigned room = *count;
    *count = parse_processes(value, out, room);
    return *count > room ? INSUFFICIENT_SIZE : SUCCESS;
}

#define PROCESSES(function, key)                                             \
    Return function(Device *device, unsigned *count, Process *out) {         \
        ENTER(device);                                                       \
        return processes(device, key, count, out);                           \
    }

PROCESSES(nvmlDeviceGetComputeRunningProcesses_v3, "compute_processes")
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v2, "compute_processes")
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v3, "graphics_processes")
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v2, "graphics_processes")
PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses_v3, "mps_processes")

Return nvmlDeviceGetProcessUtilization(Device *device, void *out, unsigned *count, unsigned long long since) {
    (void)out, (void)since;
    ENTER(device);
    *count = 0;
    return NOT_FOUND;
}
