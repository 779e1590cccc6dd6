/* What a card says in bulk: field values, sample buffers, GPM, and the instances that it is cut into. */
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "scenario.h"

/* --- field values: `gpu.0.field.<id>`, of one link `gpu.0.field.<id>.<link>`; `gpu.0.field_return.<id>` fails -------- */

static bool is_small(unsigned field) {
    static const unsigned small[] = {82, 142, 143, 144, 145, 165, 185, 186, 187, 188, 189, 190, 230};
    for (unsigned i = 0; i < sizeof small / sizeof *small; i++)
        if (small[i] == field) return true;
    return false;
}

static bool is_of_a_link(unsigned field) { return (field >= 161 && field <= 168) || (field >= 201 && field <= 222); }

static bool find_field(Device *device, FieldValue *value, long long *answer) {
    if (is_of_a_link(value->field))
        return scenario_number(answer, "%s.field.%u.%u", device->name, value->field, value->scope);
    return scenario_number(answer, "%s.field.%u", device->name, value->field);
}

Return nvmlDeviceGetFieldValues(Device *device, int count, FieldValue *values) {
    ENTER(device);
    for (int i = 0; i < count; i++) {
        FieldValue *value = &values[i];
        long long answer = 0, code = SUCCESS;
        bool is_known = find_field(device, value, &answer);
        scenario_number(&code, "%s.field_return.%u", device->name, value->field);
        value->type = is_small(value->field) ? VALUE_UNSIGNED_INT : VALUE_UNSIGNED_LONG_LONG;
        value->code = is_known ? (Return)code : NOT_SUPPORTED;
        value->value.ull = (unsigned long long)answer;
    }
    return SUCCESS;
}

/* --- sample buffers: `gpu.0.samples.<kind>=<first, microseconds>+<period>:<value>,…` -------------------------------- */

enum { MOST_SAMPLES = 120 };

static unsigned parse_samples(char *list, Sample *out) {
    unsigned found = 0;
    char *values = strchr(list, ':'), *period = strchr(list, '+');
    if (values == NULL || period == NULL) return 0;
    values++;
    for (char *item = strsep(&values, ","); item != NULL && *item && found < MOST_SAMPLES; item = strsep(&values, ",")) {
        out[found].timestamp = strtoull(list, NULL, 0) + found * strtoull(period + 1, NULL, 0);
        out[found].value.ull = strtoull(item, NULL, 0);
        found++;
    }
    return found;
}

Return nvmlDeviceGetSamples(Device *device, unsigned kind, unsigned long long since, unsigned *type, unsigned *count,
                            Sample *out) {
    char key[64], text[TEXT_SIZE];
    Sample samples[MOST_SAMPLES];
    ENTER(device);
    snprintf(key, sizeof key, "samples.%u", kind);
    Return code = words(device, key, text, sizeof text);
    if (code != SUCCESS) return code;
    *type = VALUE_UNSIGNED_INT;
    if (out == NULL) {
        *count = MOST_SAMPLES;
        return SUCCESS;
    }
    unsigned found = parse_samples(text, samples), kept = 0;
    for (unsigned i = 0; i < found && kept < *count; i++)
        if (samples[i].timestamp > since) out[kept++] = samples[i];
    *count = kept;
    return kept ? SUCCESS : NOT_FOUND;
}

/* --- GPM: `gpu.0.gpm.<metric>=<thousandths of a percent>` ----------------------------------------------------------- */

static __thread Device *sampled; /* the device of this thread's last sample: it asks about that one next */

Return nvmlGpmQueryDeviceSupport(Device *device, GpmSupport *out) {
    long long value = 0;
    ENTER(device);
    scenario_number(&value, "%s.gpm_support", device->name);
    out->is_supported = value != 0;
    return SUCCESS;
}

Return nvmlGpmSampleAlloc(GpmSample **out) {
    ENTER((Device *)NULL);
    *out = calloc(1, sizeof **out);
    return SUCCESS;
}

Return nvmlGpmSampleFree(GpmSample *sample) {
    ENTER((Device *)NULL);
    free(sample);
    return SUCCESS;
}

Return nvmlGpmSampleGet(Device *device, GpmSample *out) {
    static unsigned long long taken;
    ENTER(device);
    sampled = device;
    out->taken = ++taken;
    return SUCCESS;
}

Return nvmlGpmMetricsGet(GpmMetrics *metrics) {
    ENTER((Device *)NULL);
    if (metrics->version != 1 || metrics->second->taken <= metrics->first->taken) return INVALID_ARGUMENT;
    for (unsigned i = 0; i < metrics->count; i++) {
        GpmMetric *metric = &metrics->metrics[i];
        long long value = 0;
        metric->code = scenario_number(&value, "%s.gpm.%u", sampled->name, metric->id) ? SUCCESS : NOT_SUPPORTED;
        metric->value = (double)value / 1000;
    }
    return SUCCESS;
}

/* --- instances: `gpu.0.mig.<n>.<key>`, present if it has a uuid ---------------------------------------------------- */

Return nvmlDeviceGetMigDeviceHandleByIndex(Device *device, unsigned number_of_it, Device **out) {
    char uuid[TEXT_SIZE];
    ENTER(device);
    if (number_of_it >= MOST_INSTANCES) return INVALID_ARGUMENT;
    if (!scenario_text(uuid, "%s.mig.%u.uuid", device->name, number_of_it)) return NOT_FOUND;
    *out = instance_of(device->index, (int)number_of_it);
    return SUCCESS;
}

Return nvmlDeviceIsMigDeviceHandle(Device *device, unsigned *out) {
    ENTER(device);
    *out = device->instance >= 0;
    return SUCCESS;
}

Return nvmlDeviceGetMarginTemperature(Device *device, MarginV1 *out) {
    ENTER(device);
    return small_number(device, "temperature_margin", (unsigned *)&out->margin);
}
