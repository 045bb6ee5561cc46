/* once.c - requests that take effect once per Idempotency-Key, for every route that is marked TERN_HTTP_ONCE.
 *
 * The command, its answer and the row of the key are one unit of work, so a key is known exactly when its effect is. A
 * second request waits for its turn at the writer and then gets the first one's answer; it gets 409 only when the
 * first one still runs after its own patience. A refused request leaves no row.
 *
 * Work outside the store's transaction (a backup) is looked up before, and its answer stored after. A kill in between
 * means that it is done once more. */
#include "once.h"

#include <stdlib.h>
#include <string.h>

#include "app.h"

void tern_running_init(struct tern_running *running)
{
    running->first = NULL;
    pthread_mutex_init(&running->lock, NULL);
}

void tern_running_fini(struct tern_running *running)
{
    TERN_ASSERT(!running->first, "no request runs when its service ends");
    pthread_mutex_destroy(&running->lock);
}

static void enter(struct tern_running *running, struct tern_once_work *work)
{
    pthread_mutex_lock(&running->lock);
    work->next = running->first;
    running->first = work;
    pthread_mutex_unlock(&running->lock);
}

/* Removes the request from the list. True when another one with the same key is in it. */
static bool leave(struct tern_running *running, const struct tern_once_work *work)
{
    bool another = false;
    struct tern_once_work **at = &running->first;
    pthread_mutex_lock(&running->lock);
    while (*at) {
        const struct tern_keyed_request *other = &(*at)->request;
        if (*at == work) {
            *at = work->next;
            continue;
        }
        another = another || (strcmp(other->key, work->request.key) == 0 &&
                              strcmp(other->operation, work->request.operation) == 0);
        at = &(*at)->next;
    }
    pthread_mutex_unlock(&running->lock);
    return another;
}

/* ---- the command ---- */

void tern_once_ask(struct tern_once_work *work, const char *operation, const char *key)
{
    const struct tern_text *asked = work->once->asked;
    work->request.operation = operation;
    work->request.key = key;
    if (key[0] == '\0') return;
    tern_sha256(asked && asked->bytes ? asked->bytes : "", asked ? asked->length : 0, work->request.fingerprint);
}

void tern_once_fini(struct tern_once_work *work)
{
    tern_text_fini(&work->answer.headers);
    tern_text_fini(&work->answer.body);
}

/* Makes the answer and stores it, unless it says that nothing was done. */
static int keep_answer(struct tern_context *ctx, struct tern_once_work *work, struct tern_error *err)
{
    struct tern_http_answer answer = {.status = 200};
    work->once->answer(work->once->argument, &answer);
    tern_once_fini(work);
    work->answer = (struct tern_kept_answer){answer.status, answer.headers, answer.body};
    work->content_type = answer.content_type;
    if (answer.status < 200 || answer.status > 299) return 0;
    TERN_ASSERT(!answer.content_type, "an answer that is kept is JSON");
    return tern_idempotency_keep(ctx->db, &work->request, &work->answer, ctx->online_ms, err);
}

/* The request takes effect now. */
static enum tern_outcome run_first(struct tern_context *ctx, struct tern_once_work *work, struct tern_error *err)
{
    const struct tern_once *once = work->once;
    enum tern_outcome outcome = once->run(ctx, once->argument, err);
    if (outcome != TERN_DONE) return outcome;
    if (work->request.key[0] != '\0' && keep_answer(ctx, work, err) < 0) return TERN_RETRY;
    if (once->count) once->count(ctx);
    return TERN_DONE;
}

enum tern_outcome tern_once_run(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    struct tern_once_work *work = argument;
    if (work->request.key[0] == '\0') return run_first(ctx, work, err);
    switch (tern_idempotency_find(ctx->db, &work->request, ctx->online_ms, &work->answer, err)) {
    case TERN_KEY_ANSWERED: work->replayed = true; return TERN_DONE;
    case TERN_KEY_MISUSED: work->misused = true; return TERN_DONE;
    case TERN_KEY_BROKEN: return TERN_RETRY;
    case TERN_KEY_NEW: break;
    }
    return run_first(ctx, work, err);
}

/* ---- the request ---- */

/* The answer that is stored with the key, by this request or an earlier one. */
static void answer_kept(struct tern_once_work *work, struct tern_http_answer *answer)
{
    if (work->misused) {
        tern_http_problem(answer, 422, "Idempotency-Key reused",
                          "This Idempotency-Key belongs to a request with another body.");
        return;
    }
    answer->status = work->answer.status;
    answer->content_type = work->content_type;
    tern_text_add_bytes(&answer->headers, work->answer.headers.bytes, work->answer.headers.length);
    tern_text_add_bytes(&answer->body, work->answer.body.bytes, work->answer.body.length);
    if (work->replayed) tern_http_set_header(answer, "Idempotency-Replayed", "true");
}

/* `operation` is filled and must outlive the work. */
static void ask_as(struct tern_once_work *work, const struct tern_http_request *request, struct tern_text *operation)
{
    tern_text_printf(operation, "%s %s", tern_http_method(request), tern_http_path(request));
    tern_once_ask(work, operation->bytes, tern_http_idempotency_key(request));
}

/* Without a key it is a plain command. 409 only when the command was withdrawn while another request with the key was
 * there. */
bool tern_app_answer_once(struct tern_app *app, const struct tern_http_request *request, const struct tern_once *once,
                          const struct tern_conversation *conversation, struct tern_http_answer *answer,
                          struct tern_error *err)
{
    struct tern_once_work work = {.once = once};
    const char *key = tern_http_idempotency_key(request);
    struct tern_text operation = {0};
    ask_as(&work, request, &operation);
    if (key[0] != '\0') enter(&app->running, &work);
    enum tern_command_result result = tern_app_command(app, tern_once_run, &work, conversation, err);
    bool another_runs = key[0] != '\0' && leave(&app->running, &work);
    if (result == TERN_COMMITTED && key[0] == '\0') {
        once->answer(once->argument, answer);
    } else if (result == TERN_COMMITTED) {
        answer_kept(&work, answer);
    } else if (result == TERN_UNAVAILABLE && another_runs) {
        tern_http_problem(answer, 409, "Request in progress",
                          "The first request with this Idempotency-Key is still running; try again in a moment.");
        tern_http_set_header(answer, "Retry-After", "%d", 2);
    } else if (result == TERN_UNAVAILABLE) {
        tern_app_unavailable(answer, err);
    }
    tern_once_fini(&work);
    tern_text_fini(&operation);
    return result != TERN_REFUSED;
}

/* ---- what does not run on the writer's thread ---- */

static const struct tern_once elsewhere = {0}; /* without a body to fingerprint, and without a command */

bool tern_app_answered_before(struct tern_app *app, const struct tern_http_request *request,
                              struct tern_http_answer *answer)
{
    struct tern_once_work work = {.once = &elsewhere};
    struct tern_text operation = {0};
    struct tern_error err = {0};
    if (tern_http_idempotency_key(request)[0] == '\0') return false;
    ask_as(&work, request, &operation);
    struct tern_db *db = tern_app_reader(app, &err);
    enum tern_idempotency found =
        db ? tern_idempotency_find(db, &work.request, tern_links_online_ms(&app->links), &work.answer, &err)
           : TERN_KEY_BROKEN;
    tern_app_reader_done(app, db);
    work.replayed = found == TERN_KEY_ANSWERED;
    work.misused = found == TERN_KEY_MISUSED;
    if (found == TERN_KEY_BROKEN)
        tern_app_unavailable(answer, &err);
    else if (found != TERN_KEY_NEW)
        answer_kept(&work, answer);
    tern_once_fini(&work);
    tern_text_fini(&operation);
    return found != TERN_KEY_NEW;
}

/* On the writer thread: stores an answer whose work was done elsewhere. */
static enum tern_outcome keep_made(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    const struct tern_once_work *work = argument;
    if (tern_idempotency_keep(ctx->db, &work->request, &work->answer, ctx->online_ms, err) < 0) return TERN_RETRY;
    return TERN_DONE;
}

int tern_app_keep_answer(struct tern_app *app, const struct tern_http_request *request,
                         const struct tern_http_answer *answer, struct tern_error *err)
{
    const struct tern_conversation silent = {0};
    struct tern_once_work work = {
        .once = &elsewhere, .answer = {answer->status, answer->headers, answer->body}
    }; /* borrowed */
    struct tern_text operation = {0};
    if (tern_http_idempotency_key(request)[0] == '\0') return 0;
    ask_as(&work, request, &operation);
    enum tern_command_result result = tern_app_command(app, keep_made, &work, &silent, err);
    tern_text_fini(&operation);
    return result == TERN_COMMITTED ? 0 : -1;
}
