/* fuzz_gateway_answer.c - what a payment gateway answered, from any bytes.
 *
 * The first byte is the question, the second one the status, the rest the body. Whatever is taken from it is fit for the
 * events that say it; only the exact status is anything but unknown; a fault has a sentence. */
#include "fuzz.h"

#include "services/payment/gateway_answer.h"

#include <string.h>

static const int statuses[] = {201, 200, 402, 404, 500, 302, 204, 0, 400, 422, 401, 403};

static void assert_processed(const struct gateway_reply *reply)
{
    struct shop_payment_processed said = {
        .order_id = "ORD-1", .customer_id = "C-1", .status = SHOP_PAYMENT_STATUS_SUCCESS};
    struct tern_error err = {0};
    TERN_ASSERT(reply->reference[0] != '\0', "money that moved has a name");
    tern_copy_whole(said.transaction_id, sizeof said.transaction_id, reply->reference);
    TERN_ASSERT(tern_schema_check(shop_schema(SHOP_PAYMENT_PROCESSED), &said, &err) == 0, "the charge can be said");
}

static void assert_failed(const struct gateway_reply *reply)
{
    struct shop_payment_failed said = {.order_id = "ORD-1", .customer_id = "C-1", .status = "FAILED"};
    struct tern_error err = {0};
    TERN_ASSERT(reply->reference[0] == '\0', "money that did not move has no name");
    shop_set_text(said.error, reply->reason[0] ? reply->reason : "no reason was given");
    TERN_ASSERT(tern_schema_check(shop_schema(SHOP_PAYMENT_FAILED), &said, &err) == 0, "the failure can be said");
}

static void assert_sound(enum gateway_question question, int status, enum gateway_answer answer,
                         const struct gateway_reply *reply)
{
    switch (answer) {
    case GATEWAY_DONE:
        TERN_ASSERT(status == (question == GATEWAY_QUERY ? 200 : 201), "only this status says that money moved");
        assert_processed(reply);
        return;
    case GATEWAY_DECLINED:
        TERN_ASSERT(status == 402 && question != GATEWAY_REFUND, "only a charge is declined");
        assert_failed(reply);
        return;
    case GATEWAY_REFUSED:
        TERN_ASSERT((status == 400 || status == 422) && question != GATEWAY_QUERY, "only what was posted is refused");
        assert_failed(reply);
        return;
    case GATEWAY_NOTHING: TERN_ASSERT(status == 404 && question == GATEWAY_QUERY, "only a look finds nothing"); return;
    case GATEWAY_UNKNOWN:
        TERN_ASSERT(reply->reason[0] != '\0', "what is unknown has a sentence");
        assert_failed(reply);
        return;
    case GATEWAY_STOPPED:
    case GATEWAY_WAIT: break;
    }
    tern_broken(__FILE__, __LINE__, "an answer says what became of the money, not what is to be done");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gateway_reply reply;
    if (size < 2) return 0;
    enum gateway_question question = (enum gateway_question)(data[0] % 3);
    int status = statuses[data[1] % TERN_COUNT(statuses)];
    const char *body = (const char *)data + 2;
    assert_sound(question, status, gateway_read_answer(question, status, body, size - 2, &reply), &reply);
    return 0;
}
