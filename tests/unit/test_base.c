/* test_base.c - copies that fit or say so, memory that is zero, and how a process gives up. */
#include "tern_test.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tern/base.h"

/* Runs `act` in a child; returns its wait status and what it wrote to standard error. */
static int run_child(void (*act)(void), char *said, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        (void)signal(SIGABRT, SIG_DFL);
        (void)dup2(ends[1], STDERR_FILENO);
        act();
        _exit(0);
    }
    (void)close(ends[1]);
    size_t have = 0;
    ssize_t got;
    while (have < size - 1 && (got = read(ends[0], said + have, size - 1 - have)) > 0)
        have += (size_t)got;
    said[have] = '\0';
    (void)close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void break_promise(void)
{
    tern_broken("/some/folder/stock.c", 42, "stock is never below zero");
}

static void a_broken_promise_says_one_line_and_aborts(void **state)
{
    (void)state;
    char said[1024];
    int status = run_child(break_promise, said, sizeof said);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_string_equal(said, "tern: stopped: stock is never below zero (stock.c:42)\n");
}

static void break_assert(void)
{
    volatile int stock = -1;
    TERN_ASSERT(stock >= 0, "stock is never below zero");
}

static void an_assert_that_fails_stops_the_process(void **state)
{
    (void)state;
    char said[1024];
    int status = run_child(break_assert, said, sizeof said);
    assert_true(WIFSIGNALED(status));
    assert_non_null(strstr(said, "stock is never below zero (test_base.c:"));
}

static void keep_assert(void)
{
    volatile int stock = 0;
    TERN_ASSERT(stock >= 0, "stock is never below zero");
}

static void an_assert_that_holds_does_nothing(void **state)
{
    (void)state;
    char said[64];
    assert_int_equal(run_child(keep_assert, said, sizeof said), 0);
    assert_string_equal(said, "");
}

static void break_at_length(void)
{
    char sentence[2000];
    memset(sentence, 'x', sizeof sentence - 1);
    sentence[sizeof sentence - 1] = '\0';
    tern_broken("f.c", 1, sentence);
}

static void a_sentence_that_is_too_long_is_cut_and_still_a_line(void **state)
{
    (void)state;
    char said[4096];
    assert_true(WIFSIGNALED(run_child(break_at_length, said, sizeof said)));
    assert_int_equal(strlen(said), 511);
    assert_int_equal(said[510], '\n');
}

static void copy_nothing(void)
{
    free(tern_copy_text(NULL));
}

static void a_copy_of_no_text_is_a_broken_promise(void **state)
{
    (void)state;
    char said[1024];
    assert_true(WIFSIGNALED(run_child(copy_nothing, said, sizeof said)));
}

static void memory_comes_zeroed_also_when_none_is_asked_for(void **state)
{
    (void)state;
    unsigned char *memory = tern_alloc(1000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(memory[i], 0);
    free(memory);
    memory = tern_alloc(0);
    assert_non_null(memory);
    free(memory);
}

static void copies_end_with_a_nul_whatever_they_hold(void **state)
{
    (void)state;
    char *text = tern_copy_text("grün");
    assert_string_equal(text, "grün");
    free(text);
    char *bytes = tern_copy_bytes("a\0b", 3);
    assert_memory_equal(bytes, "a\0b", 4);
    free(bytes);
    bytes = tern_copy_bytes(NULL, 0);
    assert_string_equal(bytes, "");
    free(bytes);
}

static void a_text_fits_with_its_nul_or_the_target_is_empty(void **state)
{
    (void)state;
    char target[4] = "zzz";
    assert_int_equal(tern_copy(target, sizeof target, "abc"), 0);
    assert_string_equal(target, "abc");
    assert_int_equal(tern_copy(target, sizeof target, "abcd"), -1);
    assert_string_equal(target, "");
    assert_int_equal(tern_copy(target, sizeof target, ""), 0);
    assert_int_equal(tern_copy(target, 1, ""), 0);
    assert_int_equal(tern_copy(target, 1, "a"), -1);
}

static void copy_too_much(void)
{
    char target[4];
    tern_copy_whole(target, sizeof target, "abcd");
}

static void a_text_that_must_fit_and_does_not_is_a_broken_promise(void **state)
{
    (void)state;
    char said[1024], target[4];
    tern_copy_whole(target, sizeof target, "abc");
    assert_string_equal(target, "abc");
    assert_true(WIFSIGNALED(run_child(copy_too_much, said, sizeof said)));
    assert_non_null(strstr(said, "test_base.c")); /* where it was called, not where it was found */
}

static void a_text_for_people_is_cut_and_shows_it(void **state)
{
    (void)state;
    char target[8];
    tern_copy_cut(target, sizeof target, "abcdefg");
    assert_string_equal(target, "abcdefg");
    tern_copy_cut(target, sizeof target, "abcdefgh");
    assert_string_equal(target, "abcd…");
    tern_copy_cut(target, sizeof target, "abcüüüü");
    assert_string_equal(target, "abc…");
    tern_copy_cut(target, 3, "abcd"); /* no room for the mark */
    assert_string_equal(target, "ab");
    tern_copy_cut(target, 1, "abcd");
    assert_string_equal(target, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_promise_says_one_line_and_aborts),
        cmocka_unit_test(an_assert_that_fails_stops_the_process),
        cmocka_unit_test(an_assert_that_holds_does_nothing),
        cmocka_unit_test(a_sentence_that_is_too_long_is_cut_and_still_a_line),
        cmocka_unit_test(a_copy_of_no_text_is_a_broken_promise),
        cmocka_unit_test(memory_comes_zeroed_also_when_none_is_asked_for),
        cmocka_unit_test(copies_end_with_a_nul_whatever_they_hold),
        cmocka_unit_test(a_text_fits_with_its_nul_or_the_target_is_empty),
        cmocka_unit_test(a_text_that_must_fit_and_does_not_is_a_broken_promise),
        cmocka_unit_test(a_text_for_people_is_cut_and_shows_it),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
