/* test_digest.c - fingerprints against the published examples of FIPS 180-4. */
#include "common/base/digest.h"

#include <stdio.h>
#include <string.h>

#include "tern_test.h"

static void assert_digest(const char *text, const char *expected)
{
    unsigned char digest[TERN_SHA256_SIZE];
    char hex[2 * TERN_SHA256_SIZE + 1];

    tern_sha256(text, strlen(text), digest);
    for (size_t i = 0; i < TERN_SHA256_SIZE; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    assert_string_equal(hex, expected);
}

static void sha256_is_that_of_the_standard(void **state)
{
    (void)state;
    assert_digest("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sha256_is_that_of_the_standard)};

    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
