/* tern_test.h - the one header by which a test takes in cmocka.
 * cmocka needs the four standard headers before it. */
#ifndef TERN_TEST_H
#define TERN_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
