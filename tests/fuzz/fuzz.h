/* fuzz.h - what a fuzz target is: one function that takes any bytes and stops the process when a promise is broken.
 *
 * Each fuzz_<name>.c becomes two programs: with libFuzzer (preset `fuzz`, scripts/fuzz.sh), and in every other build with
 * replay.c, which gives it the files of tests/fuzz/corpus/<name> once. Promises are TERN_ASSERTs; the sanitizers see
 * the rest. A target keeps nothing from one input to the next but what never changes. */
#ifndef TERN_FUZZ_H
#define TERN_FUZZ_H

#include "tern/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
