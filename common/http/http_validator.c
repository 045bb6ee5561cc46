/* http_validator.c - checks everything that the head alone decides about a request.
 *
 * In this order: is it sound HTTP (400, 431, 414, 505, and the connection ends, because a reader that disagrees with us
 * about the end of a message could smuggle a second one); is there such a route (404, 405); may the client use it (401,
 * 403); can its body be accepted (411, 413, 415, 417, 400). Every check is on what was received; nothing is repaired.
 * Never looks at the body, or calls a handler. */
#include "http_internal.h"

#include <string.h>
#include <strings.h>

/* RFC 9110, section 5.6.2. */
static bool is_token(const char *text)
{
    if (*text == '\0') return false;
    for (; *text != '\0'; text++) {
        bool letter = (*text | 0x20) >= 'a' && (*text | 0x20) <= 'z';
        bool digit = *text >= '0' && *text <= '9';
        if (!letter && !digit && !strchr("!#$%&'*+-.^_`|~", *text)) return false;
    }
    return true;
}

/* RFC 9110, section 5.5: no control characters but the tab. */
static bool is_field_value(const char *text)
{
    for (; *text != '\0'; text++)
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f) return false;
    return true;
}

/* Always returns false. */
static bool refuse_malformed(struct tern_http_request *request, const char *detail)
{
    request->closing = true;
    return tern_http_refuse(request, 400, "Bad Request", "%s", detail);
}

/* ---- sound HTTP --------------------------------------------------------------------------------------------- */

/* A method may be any word; which ones exist is the matter of the route table. */
static bool check_request_line(struct tern_http_request *request)
{
    struct tern_error err;
    if (!is_token(request->method)) return refuse_malformed(request, "The method of the request is not a word.");
    if (strcmp(request->version, "HTTP/1.1") != 0 && strcmp(request->version, "HTTP/1.0") != 0) {
        request->closing = true;
        return tern_http_refuse(request, 505, "HTTP Version Not Supported",
                                "This server speaks HTTP/1.1 and HTTP/1.0.");
    }
    if (strlen(request->raw_target) > HTTP_TARGET_MAX) {
        request->closing = true;
        return tern_http_refuse(request, 414, "URI Too Long", "The target is longer than %d bytes.", HTTP_TARGET_MAX);
    }
    if (tern_http_target_parse(request->raw_target, &request->target, &err) < 0)
        return refuse_malformed(request, err.text);
    return true;
}

static bool check_each_header(struct tern_http_request *request)
{
    if (request->headers_cut) {
        request->closing = true;
        return tern_http_refuse(request, 431, "Request Header Fields Too Large", "There are more than %d headers.",
                                HTTP_HEADERS_MAX);
    }
    for (size_t i = 0; i < request->header_count; i++) {
        if (!is_token(request->headers[i].name))
            return refuse_malformed(request, "The name of a header is not a word directly followed by a colon.");
        if (!is_field_value(request->headers[i].value))
            return refuse_malformed(request, "The value of a header holds a control character.");
    }
    if (request->sloppy_layout)
        return refuse_malformed(request, "The head holds a bare line feed, a folded line or a NUL.");
    return true;
}

/* Headers of which two readers might use different ones when they come twice. */
static bool check_singles(struct tern_http_request *request)
{
    static const char *const singles[] = {
        "Host", "Content-Length", "Transfer-Encoding", "Content-Type", "Authorization", "Idempotency-Key", "Expect"};
    for (size_t i = 0; i < TERN_COUNT(singles); i++) {
        size_t count = 0;
        for (size_t j = 0; j < request->header_count; j++)
            count += strcasecmp(request->headers[j].name, singles[i]) == 0;
        if (count > 1) {
            request->closing = true;
            return tern_http_refuse(request, 400, "Bad Request", "The header %s is given more than once.", singles[i]);
        }
    }
    return true;
}

static const char host_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]%~";

/* RFC 9112, section 3.2: HTTP/1.1 needs a Host, even an empty one. */
static bool check_host(struct tern_http_request *request)
{
    const char *host = tern_http_header(request, "Host");
    if (!host)
        return strcmp(request->version, "HTTP/1.0") == 0 ||
               refuse_malformed(request, "A request of HTTP/1.1 needs the header Host.");
    if (host[strspn(host, host_characters)] != '\0')
        return refuse_malformed(request, "The header Host does not name a host.");
    return true;
}

/* RFC 9112, section 3.2.2: the host of a target in absolute-form replaces the header Host. A request for another host
 * is not answered. */
static bool check_authority(struct tern_http_request *request)
{
    const char *authority = request->target.authority;
    const char *host = tern_http_header(request, "Host");
    if (!authority) return true;
    if (authority[strspn(authority, host_characters)] != '\0')
        return refuse_malformed(request, "The target of the request does not name a host.");
    if ((host && tern_http_authority_same(authority, host)) ||
        tern_http_authority_is_own(authority, request->own_address, request->own_port))
        return true;
    request->closing = true;
    return tern_http_refuse(
        request, 421, "Misdirected Request",
        "The target of the request names a host that is neither this one nor that of the header Host.");
}

/* The end of the message must be given in exactly one way (RFC 9112, section 6.3). Content-Length is digits alone, few
 * enough for 64 bits. */
static bool check_framing(struct tern_http_request *request)
{
    const char *coding = tern_http_header(request, "Transfer-Encoding");
    const char *digits = tern_http_header(request, "Content-Length");
    if (!coding && !digits) return true;
    if (!coding) {
        size_t length = strspn(digits, "0123456789");
        if (length == 0 || length > 18 || digits[length] != '\0')
            return refuse_malformed(request, "Content-Length is not a whole number of bytes.");
        for (; *digits != '\0'; digits++)
            request->body_announced = request->body_announced * 10 + (uint64_t)(*digits - '0');
        request->body_kind = request->body_announced > 0 ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
        return true;
    }
    if (digits) return refuse_malformed(request, "Content-Length and Transfer-Encoding must not come together.");
    if (strcmp(request->version, "HTTP/1.1") != 0)
        return refuse_malformed(request, "Transfer-Encoding needs HTTP/1.1.");
    if (strcasecmp(coding, "chunked") != 0)
        return refuse_malformed(request, "The only Transfer-Encoding taken is chunked.");
    /* libmicrohttpd 0.9 ends the lines between chunks at a bare line feed, and a proxy may not: do not read what it
     * takes for the next request. */
    request->closing = true;
    request->body_kind = HTTP_BODY_CHUNKED;
    return true;
}

/* ---- the body ----------------------------------------------------------------------------------------------- */

/* application/json, without a charset or with utf-8. */
static bool is_json(const char *type)
{
    size_t length = strcspn(type, "; \t");
    if (length != strlen("application/json") || strncasecmp(type, "application/json", length) != 0) return false;
    const char *charset = strcasestr(type + length, "charset=");
    if (!charset) return true;
    charset += strlen("charset=");
    charset += *charset == '"';
    return strncasecmp(charset, "utf-8", 5) == 0 && strchr("\"; \t", charset[5]);
}

/* RFC 9110, section 15.5.16: a 415 names what is accepted; Accept-Post is for POST only. Always returns false. */
static bool refuse_type(struct tern_http_request *request, const char *detail)
{
    (void)tern_http_refuse(request, 415, "Unsupported Media Type", "%s", detail);
    tern_http_set_header(&request->answer, strcmp(request->method, "POST") == 0 ? "Accept-Post" : "Accept",
                         "application/json");
    return false;
}

/* What the head announces about the body, against what the route takes. Content-Length: 0 is an empty body, not a
 * missing length. */
static bool check_body(struct tern_http_request *request)
{
    unsigned flags = request->route->row->flags;
    const char *expect = tern_http_header(request, "Expect");
    if (expect && strcasecmp(expect, "100-continue") != 0)
        return tern_http_refuse(request, 417, "Expectation Failed", "The only expectation met is 100-continue.");
    if (request->body_kind == HTTP_BODY_NONE) {
        if ((flags & TERN_HTTP_JSON) == 0) return true;
        if (tern_http_header(request, "Content-Length"))
            return tern_http_refuse(request, 400, "Bad Request", "The body is empty; this call needs a JSON object.");
        return tern_http_refuse(request, 411, "Length Required",
                                "This call needs a JSON body, with Content-Length or Transfer-Encoding: chunked.");
    }
    if (request->body_announced > HTTP_BODY_MAX)
        return tern_http_refuse(request, 413, "Content Too Large", "The body is longer than %d bytes.", HTTP_BODY_MAX);
    if ((flags & (TERN_HTTP_JSON | TERN_HTTP_JSON_OPTIONAL)) == 0)
        return tern_http_refuse(request, 400, "Bad Request", "This call takes no body.");
    const char *type = tern_http_header(request, "Content-Type");
    const char *encoding = tern_http_header(request, "Content-Encoding");
    if (!type || !is_json(type))
        return refuse_type(request, "The body must be application/json in UTF-8, and Content-Type must say so.");
    if (encoding && strcasecmp(encoding, "identity") != 0)
        return refuse_type(request, "The body must not be compressed.");
    return true;
}

/* A quoted string as in draft-ietf-httpapi-idempotency-key-header-07, or the same characters bare, because many clients
 * send them so. */
int tern_http_key_read(const char *header, char ret_key[TERN_HTTP_KEY_SIZE])
{
    const bool quoted = header[0] == '"';
    const char *at = header + (quoted ? 1 : 0);
    char key[TERN_HTTP_KEY_SIZE];
    size_t length = 0;
    for (; *at != '\0' && *at != '"'; at++) {
        if (quoted && *at == '\\') {
            at++;
            if (*at != '"' && *at != '\\') return -1;
        }
        if (*at <= ' ' || *at >= 0x7f || length == TERN_HTTP_KEY_SIZE - 1) return -1;
        key[length++] = *at;
    }
    if (length == 0 || *at != (quoted ? '"' : '\0') || (quoted && at[1] != '\0')) return -1;
    key[length] = '\0';
    memcpy(ret_key, key, length + 1);
    return 0;
}

/* The key of a call that is idempotent by itself is ignored. */
static bool check_key(struct tern_http_request *request)
{
    const char *header = tern_http_header(request, "Idempotency-Key");
    if ((request->route->row->flags & TERN_HTTP_ONCE) == 0 || !header) return true;
    return tern_http_key_read(header, request->key) == 0 ||
           tern_http_refuse(request, 400, "Invalid Idempotency-Key",
                            "The key must be 1 to 255 visible ASCII characters, in quotes or bare.");
}

/* ---- the whole head ---------------------------------------------------------------------------------------------- */

/* The client's X-Request-Id, when it can be logged and sent back as it is, else a new one; and a span of its trace. */
static void name_request(const struct http_rules *rules, struct tern_http_request *request)
{
    static const char id_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    const char *id = tern_http_header(request, "X-Request-Id");
    size_t length = id ? strspn(id, id_characters) : 0;
    bool usable = length > 0 && id[length] == '\0';
    if (!usable || tern_copy(request->request_id, sizeof request->request_id, id) < 0)
        tern_ids_uuid(rules->ids, request->request_id);
    tern_ids_traceparent(rules->ids, tern_http_header(request, "traceparent"), request->traceparent);
}

bool tern_http_validate(const struct http_rules *rules, struct tern_http_request *request)
{
    name_request(rules, request);
    if (!check_request_line(request) || !check_each_header(request) || !check_singles(request) ||
        !check_host(request) || !check_authority(request) || !check_framing(request))
        return false;
    if (tern_http_routes_choose(rules, request) &&
        ((request->route->row->flags & TERN_HTTP_ADMIN) == 0 || tern_http_admin_allowed(rules->admin, request)) &&
        check_key(request) && check_body(request))
        return true;
    /* An unwanted body of moderate size is read and dropped, and the connection goes on; otherwise it ends. A client
     * that waits for 100-continue may send the body or not: what comes next is unknown. */
    bool readable = request->body_kind == HTTP_BODY_NONE ||
                    (request->body_kind == HTTP_BODY_LENGTH && request->body_announced <= HTTP_BODY_MAX);
    if (!readable || tern_http_header(request, "Expect")) request->closing = true;
    return false;
}
