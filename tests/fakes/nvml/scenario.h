/* What the fake driver shall answer: `key=value` lines in the file that LANEWATCH_FAKE_NVML names.
 *
 * The file is read again whenever it changes, so that a test can break and mend the driver while somebody uses it.
 */
#ifndef LANEWATCH_FAKE_SCENARIO_H
#define LANEWATCH_FAKE_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

enum { TEXT_SIZE = 1024 };

/* Copies the value of the key that `format` makes into `out` (TEXT_SIZE bytes); false: there is no such key. */
bool scenario_text(char *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same as a number, decimal or 0x…; true also when `out` stays at its default because the key has no value. */
bool scenario_number(long long *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The value of the most special of `gpu.<device>.<kind>.<function>`, `gpu.<device>.<kind>.*`, `<kind>.<function>`,
 * `<kind>.*`; device -1 has only the last two. */
bool scenario_rule(char *out, const char *kind, const char *function, int device);

/* The number of the first `xid.<number>` above `after`, and its value; false: none. */
bool scenario_next_xid(long *number, char *out, long after);

/* Adds one to the count of this function and device in the file that LANEWATCH_FAKE_NVML_CALLS names, if any. */
void count_call(const char *function, int device);

#endif
