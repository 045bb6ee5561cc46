/* gateway_answer.c - from HTTP status and body to the answer of a gateway.
 *
 * Every combination that is not listed in gateway_read_answer is UNKNOWN, so the charge or refund is tried again with
 * the same key. Nothing of a body is quoted but the reason of a decline or refusal, cleaned and cut to SHOP_TEXT. */
#include "gateway_answer.h"

#include <stddef.h>
#include <string.h>

struct charge_answer {
    char charge_id[SHOP_REF_SIZE];
    char status[TERN_WORD_SIZE];
};

struct decline_answer {
    char status[TERN_WORD_SIZE];
};

struct refund_answer {
    char refund_id[SHOP_REF_SIZE];
};

static const struct tern_field charge_fields[] = {
    TERN_FIELD(struct charge_answer, "chargeId", charge_id, TERN_KIND_TEXT, required, 0, SHOP_REF_SIZE - 1),
    TERN_FIELD(struct charge_answer, "status", status, TERN_KIND_TEXT, required, 0, TERN_WORD_SIZE - 1),
};
static const struct tern_field decline_fields[] = {
    TERN_FIELD(struct decline_answer, "status", status, TERN_KIND_TEXT, required, 0, TERN_WORD_SIZE - 1),
};
static const struct tern_field refund_fields[] = {
    TERN_FIELD(struct refund_answer, "refundId", refund_id, TERN_KIND_TEXT, required, 0, SHOP_REF_SIZE - 1),
};
static const struct tern_schema charge_schema = TERN_SCHEMA_OF(struct charge_answer, charge_fields);
static const struct tern_schema decline_schema = TERN_SCHEMA_OF(struct decline_answer, decline_fields);
static const struct tern_schema refund_schema = TERN_SCHEMA_OF(struct refund_answer, refund_fields);

static enum gateway_answer unknown(struct gateway_reply *reply, const char *why)
{
    shop_set_text(reply->reason, why);
    return GATEWAY_UNKNOWN;
}

/* Members that the schema does not have are ignored, since gateways add some. Returns the tree, which the caller
 * destroys; NULL, with the reason, when the body is not of the schema. */
static struct cJSON *read_body(const char *body, size_t length, const struct tern_schema *schema, void *target,
                               struct gateway_reply *reply)
{
    struct tern_error err = {0};
    struct cJSON *tree = tern_json_parse(body, length, GATEWAY_ANSWER_MAX, &err);
    if (tree && tern_schema_decode_event(schema, tree, target, &err) == 0) return tree;
    tern_json_destroy(tree);
    (void)tern_error_prefix(&err, "the gateway's answer makes no sense");
    (void)unknown(reply, err.text);
    return NULL;
}

static enum gateway_answer read_charge(const char *body, size_t length, struct gateway_reply *reply)
{
    struct charge_answer answer;
    struct cJSON *tree = read_body(body, length, &charge_schema, &answer, reply);
    if (!tree) return GATEWAY_UNKNOWN;
    tern_json_destroy(tree);
    if (strcmp(answer.status, "succeeded") != 0)
        return unknown(reply, "the gateway's answer makes no sense: a charge that did not succeed");
    tern_copy_whole(reply->reference, sizeof reply->reference, answer.charge_id);
    return GATEWAY_DONE;
}

/* A reason of the wrong type is left out: the decline is certain without it. */
static enum gateway_answer read_decline(const char *body, size_t length, struct gateway_reply *reply)
{
    struct decline_answer answer;
    struct cJSON *tree = read_body(body, length, &decline_schema, &answer, reply);
    if (!tree) return GATEWAY_UNKNOWN;
    const char *reason = tern_json_string(tern_json_member(tree, "reason"));
    shop_set_text(reply->reason, reason ? reason : "");
    tern_json_destroy(tree);
    if (strcmp(answer.status, "declined") != 0)
        return unknown(reply, "the gateway's answer makes no sense: a decline that is none");
    return GATEWAY_DECLINED;
}

/* "reason", "error", "message" or "detail" (RFC 9457), a text or an object with a "message". NULL when there is
 * none. */
static const char *find_reason(const struct cJSON *tree)
{
    static const char *const names[] = {"reason", "error", "message", "detail"};
    for (size_t i = 0; i < TERN_COUNT(names); i++) {
        const struct cJSON *member = tern_json_member(tree, names[i]);
        const char *text = tern_json_string(member);
        if (!text && member) text = tern_json_string(tern_json_member(member, "message"));
        if (text && text[0]) return text;
    }
    return NULL;
}

static enum gateway_answer read_refusal(int status, const char *body, size_t length, struct gateway_reply *reply)
{
    struct tern_error err = {0};
    struct cJSON *tree = tern_json_parse(body, length, GATEWAY_ANSWER_MAX, &err);
    if (!tern_json_is_object(tree)) {
        tern_json_destroy(tree);
        (void)tern_error_set(&err, "%d without a JSON object is no word of a gateway", status);
        return unknown(reply, err.text);
    }
    const char *reason = find_reason(tree);
    (void)tern_error_set(&err, "the gateway refused it (%d) and gave no reason", status);
    shop_set_text(reply->reason, reason ? reason : err.text);
    tern_json_destroy(tree);
    return GATEWAY_REFUSED;
}

static enum gateway_answer read_refund(const char *body, size_t length, struct gateway_reply *reply)
{
    struct refund_answer answer;
    struct cJSON *tree = read_body(body, length, &refund_schema, &answer, reply);
    if (!tree) return GATEWAY_UNKNOWN;
    tern_json_destroy(tree);
    tern_copy_whole(reply->reference, sizeof reply->reference, answer.refund_id);
    return GATEWAY_DONE;
}

enum gateway_answer gateway_read_answer(enum gateway_question question, int status, const char *body, size_t length,
                                        struct gateway_reply *ret_reply)
{
    struct tern_error err = {0};
    *ret_reply = (struct gateway_reply){0};
    if (question == GATEWAY_CHARGE && status == 201) return read_charge(body, length, ret_reply);
    if (question == GATEWAY_QUERY && status == 200) return read_charge(body, length, ret_reply);
    if (question != GATEWAY_REFUND && status == 402) return read_decline(body, length, ret_reply);
    if (question == GATEWAY_REFUND && status == 201) return read_refund(body, length, ret_reply);
    if (question == GATEWAY_QUERY && status == 404) return GATEWAY_NOTHING;
    if (question != GATEWAY_QUERY && (status == 400 || status == 422))
        return read_refusal(status, body, length, ret_reply);
    (void)tern_error_set(&err, "the gateway %s %d", gateway_refuses_key(status) ? "refuses our key:" : "answered",
                         status);
    return unknown(ret_reply, err.text);
}
