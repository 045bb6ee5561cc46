/* tls_front.c - one thread, one connection at a time: a handshake, then bytes both ways until one side ends. */
#include "tls_front.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DAY_S = 86400, PIECE = 16384 };

struct tls_front {
    SSL_CTX *context;
    int listener, stop_fd;
    uint16_t port, target_port;
    pthread_t thread;
};

/* ---- certificates -------------------------------------------------------------------------------------------- */

static X509 *new_certificate(const char *name, EVP_PKEY *key, long serial, bool expired)
{
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_NAME_new();
    (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    (void)X509_set_version(certificate, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    (void)X509_gmtime_adj(X509_getm_notBefore(certificate), -2L * DAY_S);
    (void)X509_gmtime_adj(X509_getm_notAfter(certificate), expired ? -1L * DAY_S : 1L * DAY_S);
    (void)X509_set_subject_name(certificate, subject);
    (void)X509_set_pubkey(certificate, key);
    X509_NAME_free(subject);
    return certificate;
}

static void add_extension(X509 *certificate, int kind, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
    TERN_ASSERT(extension != NULL, "an extension can be made");
    (void)X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

static void write_authority(const char *path, X509 *authority)
{
    FILE *file = fopen(path, "w");
    TERN_ASSERT(file != NULL && PEM_write_X509(file, authority) == 1 && fclose(file) == 0,
                "the authority's certificate can be written");
}

/* An authority, and a certificate of it for `name`, into the context. */
static void certify(SSL_CTX *context, const struct tls_front_settings *settings)
{
    char names[128];
    EVP_PKEY *authority_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *authority = new_certificate("Tern test authority", authority_key, 1, false);
    X509 *certificate = new_certificate(settings->name, key, 2, settings->expired);
    add_extension(authority, NID_basic_constraints, "critical,CA:TRUE");
    (void)X509_set_issuer_name(authority, X509_get_subject_name(authority));
    (void)X509_sign(authority, authority_key, EVP_sha256());
    (void)snprintf(names, sizeof names, "DNS:%s", settings->name);
    add_extension(certificate, NID_subject_alt_name, names);
    (void)X509_set_issuer_name(certificate, X509_get_subject_name(authority));
    (void)X509_sign(certificate, authority_key, EVP_sha256());
    TERN_ASSERT(SSL_CTX_use_certificate(context, certificate) == 1 && SSL_CTX_use_PrivateKey(context, key) == 1,
                "the certificate can be used");
    write_authority(settings->ca_file, authority);
    X509_free(authority);
    X509_free(certificate);
    EVP_PKEY_free(authority_key);
    EVP_PKEY_free(key);
}

/* ---- bytes both ways ------------------------------------------------------------------------------------------- */

static int connect_target(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    TERN_ASSERT(connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "the fake broker listens");
    return fd;
}

static bool to_target(SSL *tls, int target)
{
    char bytes[PIECE];
    do {
        int got = SSL_read(tls, bytes, sizeof bytes);
        if (got <= 0 || send(target, bytes, (size_t)got, MSG_NOSIGNAL) != got) return false;
    } while (SSL_pending(tls) > 0);
    return true;
}

static bool to_client(SSL *tls, int target)
{
    char bytes[PIECE];
    ssize_t got = recv(target, bytes, sizeof bytes, 0);
    return got > 0 && SSL_write(tls, bytes, (int)got) == got;
}

static void relay(const struct tls_front *front, SSL *tls, int client, int target)
{
    struct pollfd fds[3] = {
        {.fd = front->stop_fd, .events = POLLIN},
        {.fd = client,         .events = POLLIN},
        {.fd = target,         .events = POLLIN}
    };
    while (poll(fds, 3, -1) > 0 && fds[0].revents == 0) {
        if (fds[1].revents != 0 && !to_target(tls, target)) return;
        if (fds[2].revents != 0 && !to_client(tls, target)) return;
    }
}

static void serve(const struct tls_front *front, int client)
{
    SSL *tls = SSL_new(front->context);
    (void)SSL_set_fd(tls, client);
    if (SSL_accept(tls) == 1) {
        int target = connect_target(front->target_port);
        relay(front, tls, client, target);
        (void)close(target);
    }
    SSL_free(tls);
    (void)close(client);
}

static void *run(void *argument)
{
    struct tls_front *front = argument;
    struct pollfd fds[2] = {
        {.fd = front->stop_fd,  .events = POLLIN},
        {.fd = front->listener, .events = POLLIN}
    };
    while (poll(fds, 2, -1) > 0 && fds[0].revents == 0) {
        int client = accept4(front->listener, NULL, NULL, SOCK_CLOEXEC);
        if (client >= 0) serve(front, client);
    }
    return NULL;
}

struct tls_front *tls_front_start(const struct tls_front_settings *settings)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct tls_front *front = tern_alloc(sizeof *front);
    front->target_port = settings->target_port;
    front->context = SSL_CTX_new(TLS_server_method());
    certify(front->context, settings);
    front->stop_fd = eventfd(0, EFD_CLOEXEC);
    front->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    TERN_ASSERT(bind(front->listener, (struct sockaddr *)&address, length) == 0 && listen(front->listener, 8) == 0 &&
                    getsockname(front->listener, (struct sockaddr *)&address, &length) == 0,
                "a port of loopback is free");
    front->port = ntohs(address.sin_port);
    TERN_ASSERT(pthread_create(&front->thread, NULL, run, front) == 0, "a thread can be started");
    return front;
}

void tls_front_stop(struct tls_front *front)
{
    const uint64_t one = 1;
    TERN_ASSERT(write(front->stop_fd, &one, sizeof one) == (ssize_t)sizeof one, "an eventfd takes a word");
    (void)pthread_join(front->thread, NULL);
    (void)close(front->listener);
    (void)close(front->stop_fd);
    SSL_CTX_free(front->context);
    free(front);
}

uint16_t tls_front_port(const struct tls_front *front)
{
    return front->port;
}
