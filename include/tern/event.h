/* tern/event.h - an event: the JSON envelope that travels, in memory and as bytes.
 *
 * Fields are those of the contract (eventId, eventType, timestamp, producer, version, correlationId, causationId,
 * subject, data). Decoding checks every field and keeps the received bytes; encoding writes the fields in
 * that order. A decoded event owns its tree and bytes (tern_event_fini). */
#ifndef TERN_EVENT_H
#define TERN_EVENT_H

#include "tern/catalogue.h"
#include "tern/id.h"
#include "tern/json.h"
#include "tern/schema.h"

enum { TERN_NAME_SIZE = 64, TERN_VERSION_SIZE = 12, TERN_EVENT_MAX_BYTES = TERN_JSON_MAX_BYTES };

struct tern_event {
    char event_id[TERN_UUID_SIZE];
    char type[TERN_TYPE_SIZE];               /* "OrderPlaced" */
    int64_t timestamp_ms;                    /* when it happened, by the producer's clock; UTC */
    char producer[TERN_NAME_SIZE];           /* "order-service" */
    char version[TERN_VERSION_SIZE];         /* of the schema of its data, "1.0" */
    char correlation_id[TERN_UUID_SIZE];     /* the conversation that it belongs to */
    char causation_id[TERN_UUID_SIZE];       /* the event that caused it; "" on the first of a conversation */
    char subject[TERN_ID_SIZE];              /* the order or product that it is about; order is kept per subject */
    char traceparent[TERN_TRACEPARENT_SIZE]; /* travels as a header, stored beside the body; "" when unknown */
    int64_t number;   /* of this event among its producer's of this type, from x-tern-n; 0: unknown */
    bool nudge;       /* has the header x-tern-nudge: asks to publish again what it caused */
    bool replayed;    /* to be encoded: gets the header x-tern-replay */
    bool republished; /* x-tern-nudge: republished, because a queue was lost or an event missed; asks for no answer */

    struct cJSON *data; /* inside `tree`; NULL in an event that was built to be encoded */
    struct cJSON *tree; /* of the envelope, or of `data` alone; owned */
    char *body;         /* the bytes it was decoded from, NUL-terminated */
    size_t body_length; /* in bytes, without the NUL */
};

/* Takes a copy of the bytes. Returns 0, or -1 with a sentence that says what is malformed. */
int tern_event_decode(const void *body, size_t length, struct tern_event *ret_event, struct tern_error *err);
void tern_event_fini(struct tern_event *event);
/* Reads an envelope whose fields were checked when it was stored, and stand beside it: the caller fills event_id, type,
 * subject, correlation_id, causation_id and traceparent; it reads the others. It makes a tree of `data` alone, and has
 * no copy of the bytes: a third of the cost of tern_event_decode. 0, or -1 with a sentence, and then there is nothing to free. */
int tern_event_decode_stored(const void *body, size_t length, struct tern_event *event, struct tern_error *err);
/* Lifts the data of an older major version to that of `type`, step by step, and sets `version` to it. Wherever an event
 * is read: a delivery, a parked message, a replay, a projection. Data of the same or of a newer major version, and one
 * that no upcaster lifts, stay as they are. 0, or -1 with a sentence. */
int tern_event_lift(struct tern_event *event, const struct tern_event_type *type, struct tern_error *err);
/* Appends the envelope around `data_json` (an object). */
void tern_event_encode(const struct tern_event *event, const char *data_json, struct tern_text *out);

#endif
