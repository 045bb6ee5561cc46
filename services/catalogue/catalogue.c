/* catalogue.c - the tables that the rows of shop/catalogue.h become (event types, field tables, schemas), and the calls
 * of shop/events.h.
 *
 * Everything is constant. A struct of shop/events.h that differs from its rows does not compile, and neither does a
 * call without its prototype (-Wmissing-prototypes). An event is decoded only when its type is the expected one and its
 * version compatible. A payload is checked against its own schema before it is emitted: consumers use the same schema,
 * so no service emits an event that they would reject. */
#include "shop/catalogue.h"

#include "tern/money.h"
#include "tern/outbox.h"
#include "upcasters.h"

#include <string.h>

/* ---- field tables ------------------------------------------------------------------------------------------ */

static const struct tern_field line_fields[] = {
    TERN_FIELD(struct shop_line, "productId", product_id, TERN_KIND_ID, required, 0, 0),
    TERN_FIELD(struct shop_line, "quantity", quantity, TERN_KIND_COUNT, required, 1, SHOP_QUANTITY_MAX),
    TERN_FIELD(struct shop_line, "price", price_minor, TERN_KIND_MONEY, required, 0, SHOP_PRICE_MAX_MINOR),
};
/* The part of struct shop_line that is an object in version 2. */
struct priced {
    int64_t price_minor;
    char currency[TERN_WORD_SIZE];
};
_Static_assert(offsetof(struct shop_line, currency) - offsetof(struct shop_line, price_minor) ==
                   offsetof(struct priced, currency),
               "price and currency of a line stand as in struct priced");
static const struct tern_field price_fields[] = {
    TERN_FIELD(struct priced, "amount", price_minor, TERN_KIND_MONEY, required, 0, SHOP_PRICE_MAX_MINOR),
    TERN_FIELD(struct priced, "currency", currency, TERN_KIND_WORD, required, 3, 3),
};
static const struct tern_schema price_schema = TERN_SCHEMA_OF(struct priced, price_fields);
static const struct tern_field priced_line_fields[] = {
    TERN_FIELD(struct shop_line, "productId", product_id, TERN_KIND_ID, required, 0, 0),
    TERN_FIELD(struct shop_line, "quantity", quantity, TERN_KIND_COUNT, required, 1, SHOP_QUANTITY_MAX),
    {.name = "unitPrice",
                                                                                               .kind = TERN_KIND_OBJECT,
                                                                                               .offset = offsetof(struct shop_line, price_minor),
                                                                                               .size = sizeof(struct priced),
                                                                                               .schema = &price_schema},
};
static const struct tern_field piece_fields[] = {
    TERN_FIELD(struct shop_piece, "productId", product_id, TERN_KIND_ID, required, 0, 0),
    TERN_FIELD(struct shop_piece, "quantity", quantity, TERN_KIND_COUNT, required, 1,
               (int64_t)SHOP_LINES_MAX *SHOP_QUANTITY_MAX),
};
static const struct tern_field customer_fields[] = {
    TERN_FIELD(struct shop_customer, "email", email, TERN_KIND_TEXT, optional, 0, SHOP_TEXT_CHARACTERS),
    TERN_FIELD(struct shop_customer, "phone", phone, TERN_KIND_TEXT, optional, 0, SHOP_SHORT_CHARACTERS),
};
static const struct tern_field address_fields[] = {
    TERN_FIELD(struct shop_address, "street", street, TERN_KIND_TEXT, optional, 0, SHOP_TEXT_CHARACTERS),
    TERN_FIELD(struct shop_address, "city", city, TERN_KIND_TEXT, optional, 0, SHOP_SHORT_CHARACTERS),
    TERN_FIELD(struct shop_address, "state", state, TERN_KIND_TEXT, optional, 0, SHOP_SHORT_CHARACTERS),
    TERN_FIELD(struct shop_address, "zipCode", zip_code, TERN_KIND_TEXT, optional, 0, SHOP_SHORT_CHARACTERS),
};

const struct tern_schema shop_line_schema = TERN_SCHEMA_OF(struct shop_line, line_fields);
static const struct tern_schema priced_line_schema = TERN_SCHEMA_OF(struct shop_line, priced_line_fields);
const struct tern_schema shop_piece_schema = TERN_SCHEMA_OF(struct shop_piece, piece_fields);
const struct tern_schema shop_customer_schema = TERN_SCHEMA_OF(struct shop_customer, customer_fields);
const struct tern_schema shop_address_schema = TERN_SCHEMA_OF(struct shop_address, address_fields);

/* clang-format off */
/* The kinds of a payload's rows, with their limits. P is the struct, m the member, n its name in JSON, p required or
 * optional. */
#define FIELD_id(P, m, n, p)       TERN_FIELD(P, n, m, TERN_KIND_ID, p, 0, 0),
#define FIELD_ref(P, m, n, p)      TERN_FIELD(P, n, m, TERN_KIND_TEXT, p, 0, SHOP_REF_SIZE - 1),
#define FIELD_text(P, m, n, p)     TERN_FIELD(P, n, m, TERN_KIND_TEXT, p, 0, SHOP_TEXT_CHARACTERS),
#define FIELD_word(P, m, n, p)     TERN_FIELD(P, n, m, TERN_KIND_WORD, p, 0, 0),
#define FIELD_currency(P, m, n, p) TERN_FIELD(P, n, m, TERN_KIND_WORD, p, 3, 3),
#define FIELD_money(P, m, n, p)    TERN_FIELD(P, n, m, TERN_KIND_MONEY, p, 0, SHOP_TOTAL_MAX_MINOR),
#define FIELD_price(P, m, n, p)    TERN_FIELD(P, n, m, TERN_KIND_MONEY, p, 1, SHOP_PRICE_MAX_MINOR),
#define FIELD_count(P, m, n, p)    TERN_FIELD(P, n, m, TERN_KIND_COUNT, p, 0, SHOP_STOCK_MAX),
#define FIELD_time(P, m, n, p)     TERN_FIELD(P, n, m, TERN_KIND_TIME, p, 0, 0),
#define FIELD_lines(P, m, n, p)    TERN_FIELD_ARRAY(P, n, m, TERN_KIND_LIST, p, 1, &shop_line_schema),
#define FIELD_priced(P, m, n, p)   TERN_FIELD_ARRAY(P, n, m, TERN_KIND_LIST, p, 1, &priced_line_schema),
#define FIELD_pieces(P, m, n, p)   TERN_FIELD_ARRAY(P, n, m, TERN_KIND_LIST, p, 0, &shop_piece_schema),
#define FIELD_words(P, m, n, p)    TERN_FIELD_ARRAY(P, n, m, TERN_KIND_WORDS, p, 0, NULL),
#define FIELD_customer(P, m, n, p) TERN_FIELD_OBJECT(P, n, m, p, &shop_customer_schema),
#define FIELD_address(P, m, n, p)  TERN_FIELD_OBJECT(P, n, m, p, &shop_address_schema),
/* clang-format on */

/* ---- the structs of shop/events.h are those of the rows ---------------------------------------------------- */

/* The C type of each kind. */
typedef char kind_id[TERN_ID_SIZE], kind_ref[SHOP_REF_SIZE], kind_text[SHOP_TEXT_SIZE];
typedef char kind_word[TERN_WORD_SIZE], kind_currency[TERN_WORD_SIZE];
typedef int64_t kind_money, kind_price, kind_count, kind_time;
typedef struct shop_lines kind_lines, kind_priced;
typedef struct shop_pieces kind_pieces;
typedef struct shop_words kind_words;
typedef struct shop_customer kind_customer;
typedef struct shop_address kind_address;

/* A struct is made from the rows only to be compared: the written one has the same members with the same types at the
 * same offsets, and no others. */
/* clang-format off */
#define AS_MEMBER(payload, kind, member, name, presence) kind_##kind member;
#define AS_SAME_MEMBER(payload, kind, member, name, presence)                                                 \
    _Static_assert(_Generic(&((struct shop_##payload *)0)->member, kind_##kind *: true, default: false) &&    \
                   offsetof(struct shop_##payload, member) == offsetof(struct payload##_rows, member),        \
                   "shop_" #payload "." #member " of shop/events.h is not that of its row");
#define AS_SAME_STRUCT(id, payload, type, version, producer, subject, consumers)                                      \
    struct payload##_rows { SHOP_##id##_FIELDS(AS_MEMBER, payload) };                                         \
    SHOP_##id##_FIELDS(AS_SAME_MEMBER, payload)                                                               \
    _Static_assert(sizeof(struct shop_##payload) == sizeof(struct payload##_rows),                            \
                   "shop_" #payload " of shop/events.h has a member without a row");
SHOP_EVENTS(AS_SAME_STRUCT)
/* clang-format on */

/* ---- field tables of the payloads -------------------------------------------------------------------------- */

#define AS_FIELD(payload, kind, member, name, presence) FIELD_##kind(struct shop_##payload, member, name, presence)
#define AS_FIELDS(id, payload, type, version, producer, subject, consumers) \
    static const struct tern_field payload##_fields[] = {SHOP_##id##_FIELDS(AS_FIELD, payload)};
SHOP_EVENTS(AS_FIELDS)

#define AS_SCHEMA(id, payload, type, version, producer, subject, consumers) \
    [SHOP_##id] = TERN_SCHEMA_OF(struct shop_##payload, payload##_fields),
static const struct tern_schema schemas[SHOP_EVENT_COUNT] = {SHOP_EVENTS(AS_SCHEMA)};

/* Older versions that can still be emitted. */
static const struct tern_field order_placed_1_fields[] = {SHOP_ORDER_PLACED_WITH(lines, AS_FIELD, order_placed)};
static const struct {
    enum shop_event event;
    const char *version;
    struct tern_schema schema;
} older[] = {
    {SHOP_ORDER_PLACED, "1.0", TERN_SCHEMA_OF(struct shop_order_placed, order_placed_1_fields)},
};

/* ---- the catalogue ----------------------------------------------------------------------------------------- */

#define AS_TYPE(id, payload, type, version, producer, subject, consumers) \
    [SHOP_##id] = {type, version, SHOP_SERVICE_##producer, consumers, UPCASTERS_OF(SHOP_##id)},
#define UPCASTERS_OF(event) ((event) == SHOP_ORDER_PLACED ? shop_order_placed_upcasters : NULL)
const struct tern_event_type shop_event_types[SHOP_EVENT_COUNT] = {SHOP_EVENTS(AS_TYPE)};

static const char *const services[] = {SHOP_SERVICE_ORDER, SHOP_SERVICE_PAYMENT, SHOP_SERVICE_INVENTORY,
                                       SHOP_SERVICE_NOTIFICATION, NULL};
/* The events that another service answers; order-service nudges them when the answer is late. */
static const char *const questions[] = {"OrderPlaced", "OrderCancelled", NULL};

const struct tern_catalogue shop_catalogue = {
    .exchange = "events",
    .dead_letter_exchange = "events.dead",
    .types = shop_event_types,
    .type_count = SHOP_EVENT_COUNT,
    .services = services,
    .questions = questions,
};

enum shop_event shop_event_named(const char *type)
{
    const struct tern_event_type *row = tern_catalogue_find(&shop_catalogue, type);
    return row ? (enum shop_event)(row - shop_event_types) : SHOP_EVENT_COUNT; /* the table is in the enum's order */
}

const struct tern_schema *shop_schema(enum shop_event event)
{
    TERN_ASSERT((unsigned)event < SHOP_EVENT_COUNT, "only events of the catalogue have a schema");
    return &schemas[event];
}

const struct tern_schema *shop_schema_of(enum shop_event event, const char *version)
{
    if (!version || strcmp(version, shop_event_types[event].version) == 0) return shop_schema(event);
    for (size_t i = 0; i < TERN_COUNT(older); i++)
        if (older[i].event == event && strcmp(older[i].version, version) == 0) return &older[i].schema;
    return NULL;
}

const char *shop_version(enum shop_event event, size_t at)
{
    if (at == 0) return shop_event_types[event].version;
    for (size_t i = 0; i < TERN_COUNT(older); i++)
        if (older[i].event == event && --at == 0) return older[i].version;
    return NULL;
}

bool shop_print_schema(enum shop_event event, const char *version, struct tern_text *out)
{
    const struct tern_schema *schema = shop_schema_of(event, version);
    struct tern_text compact = {0}, title = {0};
    struct tern_error err;
    if (!schema) return false;
    tern_text_printf(&title, "%s %s", shop_event_types[event].name, version);
    tern_schema_print(schema, title.bytes, &compact);
    struct cJSON *tree = tern_json_parse(compact.bytes, compact.length, TERN_JSON_MAX_BYTES, &err);
    TERN_ASSERT(tree, "a printed schema is JSON");
    tern_json_print_lines(tree, out);
    tern_json_destroy(tree);
    tern_text_fini(&compact);
    tern_text_fini(&title);
    return true;
}

/* ---- decode and emit --------------------------------------------------------------------------------------- */

/* What the schema cannot say: the shop adds the lines up, so they have one currency. */
static int check_currencies(const struct shop_order_placed *placed, struct tern_error *err)
{
    for (size_t i = 0; i < placed->items.count; i++)
        if (strcmp(placed->items.at[i].currency, placed->currency) != 0)
            return tern_error_set(err, "#/items/%zu/unitPrice/currency: must be that of the order, %s", i,
                                  placed->currency);
    return 0;
}

int shop_decode(enum shop_event expected, const struct tern_event *event, void *ret_payload, struct tern_error *err)
{
    const struct tern_schema *schema = shop_schema(expected);
    const struct tern_event_type *type = &shop_event_types[expected];
    if (strcmp(event->type, type->name) != 0)
        return tern_error_set(err, "the event is of type %s, not %s", event->type, type->name);
    if (!tern_version_compatible(event->version, type->version))
        return tern_error_set(err, "%s of version %s cannot be read by a reader of %s", type->name, event->version,
                              type->version);
    if (tern_schema_decode_event(schema, event->data, ret_payload, err) < 0 ||
        (expected == SHOP_ORDER_PLACED && check_currencies(ret_payload, err) < 0))
        return tern_error_prefix(err, "%s", type->name);
    return 0;
}

int64_t shop_total(const struct shop_lines *items)
{
    int64_t total = 0;
    for (size_t i = 0; i < items->count; i++)
        TERN_ASSERT(tern_money_add_product(&total, items->at[i].price_minor, items->at[i].quantity) == 0,
                    "within the limits of lines, quantity and price no total overflows");
    return total;
}

bool shop_is_email(const char *text)
{
    const char *at = strchr(text, '@');
    return at && at != text && at[1] != '\0' && !strchr(at + 1, '@') && !strpbrk(text, " ,;:<>()[]\\\"");
}

int shop_encode(enum shop_event event, const char *version, const void *payload, struct tern_text *out,
                struct tern_error *err)
{
    const struct tern_schema *schema = shop_schema_of(event, version);
    TERN_ASSERT(schema, "only known versions are written");
    if (tern_schema_check(schema, payload, err) < 0) return tern_error_prefix(err, "%s", shop_event_types[event].name);
    tern_schema_encode(schema, payload, out);
    return 0;
}

int shop_emit_encoded(struct tern_context *ctx, enum shop_event event, const char *version, const char *subject,
                      const char *data_json, struct tern_emitted *ret_emitted, struct tern_error *err)
{
    return tern_emit_version(ctx, shop_event_types[event].name, version, subject, data_json, ret_emitted, err);
}

int shop_emit(struct tern_context *ctx, enum shop_event event, const char *subject, const void *payload,
              struct tern_emitted *ret_emitted, struct tern_error *err)
{
    struct tern_text data = {0};
    int status = shop_encode(event, NULL, payload, &data, err);
    if (status == 0) status = shop_emit_encoded(ctx, event, NULL, subject, data.bytes, ret_emitted, err);
    tern_text_fini(&data);
    return status;
}

/* The typed calls of shop/events.h. Not static: that header declares them one by one. */
#define AS_CALLS(id, name, type, version, producer, subject, consumers)                                               \
    int shop_##name##_decode(const struct tern_event *event, struct shop_##name *ret_payload, struct tern_error *err) \
    {                                                                                                                 \
        return shop_decode(SHOP_##id, event, ret_payload, err);                                                       \
    }                                                                                                                 \
    int shop_emit_##name(struct tern_context *ctx, const struct shop_##name *payload,                                 \
                         struct tern_emitted *ret_emitted, struct tern_error *err)                                    \
    {                                                                                                                 \
        return shop_emit(ctx, SHOP_##id, payload->subject, payload, ret_emitted, err);                                \
    }
SHOP_EVENTS(AS_CALLS)
