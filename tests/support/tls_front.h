/* tls_front.h - TLS in front of a fake broker: takes TLS connections on a free port and hands the plain bytes on.
 *
 * Authorities and certificates are made on the spot; nothing secret is in the tree, and nothing expires but what should. */
#ifndef TERN_TEST_TLS_FRONT_H
#define TERN_TEST_TLS_FRONT_H

#include "tern/base.h"

struct tls_front;

struct tls_front_settings {
    uint16_t target_port; /* on 127.0.0.1 */
    const char *name;     /* what the certificate names (DNS) */
    bool expired;         /* its time is over */
    const char *ca_file;  /* where the certificate of its authority is written, PEM */
};

struct tls_front *tls_front_start(const struct tls_front_settings *settings);
/* Ends every connection and joins the thread. */
void tls_front_stop(struct tls_front *front);
uint16_t tls_front_port(const struct tls_front *front);

#endif
