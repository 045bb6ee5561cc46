/* amqp_url.c - parses the broker's URL: amqp://user:password@host:port/vhost?heartbeat=5&connection_timeout=5000
 *
 * rabbitmq-c's parser takes nothing above ASCII behind a "%" and no query, and does not report what is wrong. A
 * sentence never repeats what may be part of a password. */
#include "amqp_link.h"
#include "common/base/percent.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define WRITTEN         "# % / ? @ in a user, a password or a vhost are written %23 %25 %2F %3F %40"
#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."

enum { PORT = 5672, TLS_PORT = 5671, PORT_MOST = 65535, VHOST_MOST = 255, NAME_MOST = 40 };

static const struct parameter {
    const char *name, *unit; /* as the URL and the sentences write them */
    size_t offset;           /* of the int in struct tern_amqp_url; 0: not given */
    int least, most;         /* allowed values */
} parameters[] = {
    {"heartbeat",          "seconds",      offsetof(struct tern_amqp_url, heartbeat_s),           1,   60   },
    {"connection_timeout", "milliseconds", offsetof(struct tern_amqp_url, connection_timeout_ms), 100, 10000},
};

/* Decodes %XX in place; `what` is the part that a sentence names. */
static int decode(char *text, const char *what, struct tern_error *err)
{
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        int value = *from == '%' ? percent_byte(from) : (unsigned char)*from;
        if (value < 0)
            return tern_error_set(
                err, "in the %s of the broker's address a \"%%\" is not followed by two hex digits; %s", what, WRITTEN);
        if (value == 0) return tern_error_set(err, "the %s of the broker's address holds no %%00", what);
        if (*from == '%') from += 2;
        *to++ = (char)value;
    }
    *to = '\0';
    return 0;
}

/* Cuts `text` at the first `mark`. Returns the rest behind it, or NULL. */
static char *cut(char *text, char mark)
{
    char *at = strchr(text, mark);
    if (!at) return NULL;
    *at = '\0';
    return at + 1;
}

/* A number from `least` to `most`, or -1. */
static int number_of(const char *text, int least, int most)
{
    size_t length = strlen(text);
    if (length == 0 || length > 6 || strspn(text, "0123456789") != length) return -1;
    int number = (int)strtol(text, NULL, 10);
    return number < least || number > most ? -1 : number;
}

/* ---- the query ------------------------------------------------------------------------------------------------- */

/* "name=value". An unknown name is repeated in the sentence only when it looks like one: it may be a piece of a
 * password that was not escaped. */
static int take_parameter(char *text, struct tern_amqp_url *url, struct tern_error *err)
{
    const char *value = cut(text, '=');
    const struct parameter *known = NULL;
    for (size_t i = 0; i < TERN_COUNT(parameters); i++)
        if (strcmp(parameters[i].name, text) == 0) known = &parameters[i];
    if (!known) {
        size_t length = strlen(text);
        bool is_name = length > 0 && length <= NAME_MOST && strspn(text, NAME_CHARACTERS) == length;
        return tern_error_set(err,
                              "the broker's address takes the parameters heartbeat and connection_timeout, no %s%s%s",
                              is_name ? "\"" : "", is_name ? text : "others", is_name ? "\"" : "");
    }
    int *target = (int *)(void *)((char *)url + known->offset);
    if (*target != 0) return tern_error_set(err, "%s is in the broker's address twice", known->name);
    int number = value ? number_of(value, known->least, known->most) : -1;
    if (number < 0)
        return tern_error_set(err, "%s in the broker's address must be a whole number of %s from %d to %d", known->name,
                              known->unit, known->least, known->most);
    *target = number;
    return 0;
}

/* ---- what comes before it ------------------------------------------------------------------------------------- */

/* "user:password" */
static int take_login(char *login, struct amqp_connection_info *parts, struct tern_error *err)
{
    char *password = cut(login, ':');
    parts->user = login;
    if (password) parts->password = password;
    if (decode(login, "user", err) < 0) return -1;
    return password ? decode(password, "password", err) : 0;
}

/* "host:port", "[::1]:port"; both may be missing. */
static int take_place(char *place, struct amqp_connection_info *parts, struct tern_error *err)
{
    bool in_numbers = *place == '[';
    char *host = place + in_numbers, *behind = in_numbers ? cut(host, ']') : host;
    if (!behind || (in_numbers && *behind != '\0' && *behind != ':'))
        return tern_error_set(err, "an IPv6 address in the broker's address is written amqp://[::1]:5672");
    const char *port = cut(behind, ':');
    if (port) parts->port = number_of(port, 1, PORT_MOST);
    if (parts->port < 0)
        return tern_error_set(err, "the port of the broker's address must be a number from 1 to %d; %s", PORT_MOST,
                              WRITTEN);
    if (*host != '\0') parts->host = host;
    return decode(host, "host", err);
}

static int take_vhost(char *vhost, struct amqp_connection_info *parts, struct tern_error *err)
{
    if (strpbrk(vhost, "/@"))
        return tern_error_set(err, "the vhost of the broker's address holds a \"/\" or a \"@\"; %s", WRITTEN);
    if (decode(vhost, "vhost", err) < 0) return -1;
    if (strlen(vhost) > VHOST_MOST)
        return tern_error_set(err, "the vhost of the broker's address is longer than %d bytes", VHOST_MOST);
    parts->vhost = vhost;
    return 0;
}

/* Cuts from the outside inwards: scheme, query, vhost, login. A separator that stands where none may is refused,
 * because it is most likely part of a password. */
int tern_amqp_url_parse(char *text, struct tern_amqp_url *ret_url, struct tern_error *err)
{
    static const char plain[] = "amqp://", tls[] = "amqps://";
    struct amqp_connection_info *parts = &ret_url->parts;
    memset(ret_url, 0, sizeof *ret_url);
    amqp_default_connection_info(parts);
    parts->ssl = strncmp(text, tls, sizeof tls - 1) == 0;
    parts->port = parts->ssl ? TLS_PORT : PORT;
    if (!parts->ssl && strncmp(text, plain, sizeof plain - 1) != 0)
        return tern_error_set(err, "the broker's address must look like amqp://user:password@host:port/vhost");
    char *login = text + (parts->ssl ? sizeof tls : sizeof plain) - 1;
    char *query = cut(login, '?');
    if (strchr(login, '#') || (query && strpbrk(query, "#@")))
        return tern_error_set(err, "the broker's address has a \"#\", or a \"@\" behind its \"?\"; %s", WRITTEN);
    char *vhost = cut(login, '/'), *place = cut(login, '@');
    if (place && strchr(place, '@')) return tern_error_set(err, "the broker's address has a second \"@\"; %s", WRITTEN);
    if (place && take_login(login, parts, err) < 0) return -1;
    if (take_place(place ? place : login, parts, err) < 0) return -1;
    if (vhost && take_vhost(vhost, parts, err) < 0) return -1;
    for (char *next; query && *query != '\0'; query = next) {
        next = cut(query, '&');
        if (take_parameter(query, ret_url, err) < 0) return -1;
    }
    return 0;
}
