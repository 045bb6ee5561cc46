/* notification_jobs.c - sending: the channel is called outside any transaction, the outcome is recorded inside one.
 *
 * One job per notification and method, so that retrying a failed SMS does not send the mail again. Each method that is
 * given up emits NotificationFailed. When no method is left, NotificationSent names those that have sent the message,
 * if any has. The key of a job, "<id>:<method>", is stored and sent to providers: its form never changes. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "notification.h"

/* ---- the payload of a job ---- */

/* Complete, so that a run needs no store. Members are never renamed: jobs of an older version may be in the store. */
struct letter {
    int64_t notification_id;     /* row of `notification` */
    char method[TERN_WORD_SIZE]; /* SHOP_METHOD_... */
    char type[TERN_WORD_SIZE];   /* SHOP_NOTIFY_... */
    char recipient[SHOP_TEXT_SIZE];
    char title[MESSAGE_TITLE_SIZE], text[MESSAGE_TEXT_SIZE];
};

static const struct tern_field letter_fields[] = {
    TERN_FIELD(struct letter, "id", notification_id, TERN_KIND_COUNT, required, 0, 0),
    TERN_FIELD(struct letter, "method", method, TERN_KIND_WORD, required, 0, 0),
    TERN_FIELD(struct letter, "type", type, TERN_KIND_WORD, required, 0, 0),
    TERN_FIELD(struct letter, "recipient", recipient, TERN_KIND_TEXT, required, 0, 0),
    TERN_FIELD(struct letter, "title", title, TERN_KIND_TEXT, required, 0, 0),
    TERN_FIELD(struct letter, "text", text, TERN_KIND_TEXT, required, 0, 0),
};
static const struct tern_schema letter_schema = TERN_SCHEMA_OF(struct letter, letter_fields);

/* ---- lists of methods, separated by a blank: "EMAIL SMS" ---- */

static size_t count_methods(const char *list)
{
    size_t count = list[0] != '\0';
    for (const char *at = list; *at; at++)
        count += *at == ' ';
    return count;
}

static void add_method(char *list, size_t size, const char *method)
{
    size_t length = strlen(list);
    int wrote = snprintf(list + length, size - length, "%s%s", length ? " " : "", method);
    TERN_ASSERT(wrote > 0 && (size_t)wrote < size - length, "a notification has few methods");
}

/* ---- writing the jobs ---- */

static int add_job(struct tern_context *ctx, const struct notification *row, const char *method, const char *recipient,
                   struct tern_error *err)
{
    struct letter letter = {.notification_id = row->id};
    struct tern_text payload = {0};
    char key[TERN_JOB_KEY_SIZE];
    tern_copy_whole(letter.method, sizeof letter.method, method);
    tern_copy_whole(letter.type, sizeof letter.type, row->type);
    tern_copy_whole(letter.recipient, sizeof letter.recipient, recipient);
    tern_copy_whole(letter.title, sizeof letter.title, row->title);
    tern_copy_whole(letter.text, sizeof letter.text, row->text);
    (void)snprintf(key, sizeof key, "%lld:%s", (long long)row->id, method);
    tern_schema_encode(&letter_schema, &letter, &payload);
    int status = tern_job_add(ctx, NOTIFICATION_JOB_SEND, key, row->order_id, payload.bytes, 0, err);
    tern_text_fini(&payload);
    return status;
}

int notification_send(struct tern_context *ctx, const struct notification *row, const struct contact *contact,
                      struct tern_error *err)
{
    const struct notification_state *state = ctx->self;
    char methods[sizeof row->methods];
    char *rest = methods;
    tern_copy_whole(methods, sizeof methods, row->methods);
    for (char *method = strtok_r(methods, " ", &rest); method; method = strtok_r(NULL, " ", &rest)) {
        const char *recipient = !contact                               ? state->admin_email
                                : strcmp(method, SHOP_METHOD_SMS) == 0 ? contact->phone
                                                                       : contact->email;
        if (add_job(ctx, row, method, recipient, err) < 0) return -1;
    }
    return 0;
}

/* ---- outside: sending ---- */

/* The code of a run that has sent its letter; that of a job that was given up is 0. */
enum { SENT = 1 };

static enum tern_job_verdict run_send(void *self, const struct tern_job *job, struct tern_job_run *run)
{
    const struct notification_state *state = self;
    const struct channel *channel = NULL;
    struct letter letter;
    if (tern_schema_read(&letter_schema, job->payload, strlen(job->payload), sizeof job->payload, &letter,
                         &run->error) < 0)
        return TERN_JOB_AGAIN; /* written by a newer version, which may be put back */
    for (size_t i = 0; i < NOTIFICATION_CHANNELS && !channel; i++)
        if (strcmp(state->channels[i].method, letter.method) == 0) channel = &state->channels[i];
    TERN_ASSERT(channel, "every method that is written into a job has a channel");
    const struct channel_letter out = {.type = letter.type,
                                       .order_id = job->subject,
                                       .recipient = letter.recipient,
                                       .title = letter.title,
                                       .text = letter.text,
                                       .key = job->key};
    if (channel->send(channel->self, &out, &run->error) < 0) return TERN_JOB_AGAIN;
    run->code = SENT;
    return TERN_JOB_FINISHED;
}

/* ---- inside: the outcome ---- */

static int emit_sent(struct tern_context *ctx, const struct notification *row, struct tern_error *err)
{
    struct shop_notification_sent sent = {.sent_at_ms = ctx->now_ms};
    char methods[sizeof row->sent];
    char *rest = methods;
    tern_copy_whole(sent.notification_type, sizeof sent.notification_type, row->type);
    tern_copy_whole(sent.recipient, sizeof sent.recipient, row->recipient);
    tern_copy_whole(sent.order_id, sizeof sent.order_id, row->order_id);
    tern_copy_whole(sent.product_id, sizeof sent.product_id, row->product_id);
    tern_copy_whole(methods, sizeof methods, row->sent);
    if (count_methods(row->sent) == 1)
        tern_copy_whole(sent.method, sizeof sent.method, row->sent);
    else
        for (char *method = strtok_r(methods, " ", &rest); method; method = strtok_r(NULL, " ", &rest))
            tern_copy_whole(sent.methods.at[sent.methods.count++], TERN_WORD_SIZE, method);
    return shop_emit_notification_sent(ctx, &sent, NULL, err);
}

static int emit_failed(struct tern_context *ctx, const struct notification *row, const char *method, const char *why,
                       struct tern_error *err)
{
    struct shop_notification_failed failed = {.failed_at_ms = ctx->now_ms};
    tern_copy_whole(failed.notification_type, sizeof failed.notification_type, row->type);
    tern_copy_whole(failed.order_id, sizeof failed.order_id, row->order_id);
    tern_copy_whole(failed.method, sizeof failed.method, method);
    shop_set_text(failed.error, why[0] ? why : "no reason was given");
    return shop_emit_notification_failed(ctx, &failed, NULL, err);
}

static const struct tern_metric notifications_total = {"notifications_total", TERN_COUNTER, "channel,result",
                                                       "Messages that went out or were given up."};
const struct tern_metric *const notification_metrics[] = {&notifications_total, NULL};

/* Records that the job's method has sent the message or was given up; the last method of the message ends it. */
static enum tern_outcome finish_send(struct tern_context *ctx, const struct tern_job *job,
                                     const struct tern_job_run *run, struct tern_error *err)
{
    struct notification row;
    const char *method = strchr(job->key, ':') + 1; /* "<id>:<method>" */
    bool sent = run->code == SENT;
    int known = notification_load(ctx->db, strtoll(job->key, NULL, 10), &row, err);
    if (known < 0) return TERN_RETRY;
    TERN_ASSERT(known, "a message is never without the row that was written with it");

    add_method(sent ? row.sent : row.failed, sizeof row.sent, method);
    bool is_last = count_methods(row.sent) + count_methods(row.failed) == count_methods(row.methods);
    if (is_last) {
        tern_copy_whole(row.status, sizeof row.status, row.sent[0] ? NOTIFICATION_SENT : NOTIFICATION_FAILED);
        row.finished_at_ms = ctx->now_ms;
    }
    tern_metric_add(ctx->metrics, &notifications_total, 1, method, sent ? "sent" : "failed", NULL);
    if (notification_update(ctx->db, &row, err) < 0) return TERN_RETRY;
    if (!sent && emit_failed(ctx, &row, method, run->error.text, err) < 0) return TERN_RETRY;
    if (is_last && row.sent[0] && emit_sent(ctx, &row, err) < 0) return TERN_RETRY;
    return TERN_DONE;
}

const struct tern_job_kind notification_jobs[] = {
    {NOTIFICATION_JOB_SEND, run_send, finish_send, TERN_JOB_CONFIGURED},
    {NULL,                  NULL,     NULL,        0                  },
};
