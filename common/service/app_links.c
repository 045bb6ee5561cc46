/* app_links.c - a running service and its links to the broker: what is told when they come and go.
 *
 * A cause is told once, not once per attempt; another cause is told again. */
#include "app.h"

static const char *const link_names[TERN_ONLINE_LINKS] = {"consumer", "publisher"};

/* What is wrong, for whoever reads the log; the sentence beside it says with what. */
static const char *const troubles[] = {
    [TERN_AMQP_OTHER] = "the connection to the broker does not come up, trying again",
    [TERN_AMQP_UNREACHED] = "the broker is not there, trying again",
    [TERN_AMQP_LOGIN] = "the broker refuses our user or password, trying again",
    [TERN_AMQP_VHOST] = "the broker refuses the vhost, trying again",
    [TERN_AMQP_TOPOLOGY] = "the broker has what we declare with other settings, trying again",
    [TERN_AMQP_RIGHT] = "our user of the broker lacks a right, trying again",
};

static atomic_bool *up_flag(struct tern_app *app, enum tern_online_link link)
{
    return link == TERN_ONLINE_CONSUMER ? &app->status.consumer_up : &app->status.publisher_up;
}

void tern_app_connected(struct tern_app *app, enum tern_online_link link)
{
    struct tern_lost *lost = &app->lost;
    atomic_store(up_flag(app, link), true);
    (void)pthread_mutex_lock(&lost->lock);
    lost->why[link][0] = '\0';
    lost->told[link] = false;
    (void)pthread_mutex_unlock(&lost->lock);
    tern_log_info(app->log, "connected to the broker", TERN_STR("link", link_names[link]));
}

/* Whether it is to be told. The lock is held. */
static bool note(struct tern_lost *lost, enum tern_online_link link, enum tern_amqp_trouble trouble, const char *why)
{
    bool news = !lost->told[link] || (trouble != TERN_AMQP_OTHER && trouble != lost->trouble[link]);
    (void)tern_copy(lost->why[link], sizeof lost->why[link], why);
    lost->told[link] = true;
    if (news) lost->trouble[link] = trouble;
    return news;
}

void tern_app_lost(struct tern_app *app, enum tern_online_link link, enum tern_amqp_trouble trouble, const char *why)
{
    bool was_up = atomic_exchange(up_flag(app, link), false);
    if (link == TERN_ONLINE_CONSUMER) atomic_store(&app->status.lacking, 0);
    (void)pthread_mutex_lock(&app->lost.lock);
    bool tell = note(&app->lost, link, trouble, why);
    (void)pthread_mutex_unlock(&app->lost.lock);
    if (tell)
        tern_log_warn(app->log, was_up ? "lost the broker, trying again" : troubles[trouble],
                      TERN_STR("link", link_names[link]), TERN_STR("err", why));
}

bool tern_app_lost_because(struct tern_app *app, char ret_why[TERN_SENTENCE_SIZE])
{
    struct tern_lost *lost = &app->lost;
    (void)pthread_mutex_lock(&lost->lock);
    const char *why =
        lost->why[TERN_ONLINE_CONSUMER][0] != '\0' ? lost->why[TERN_ONLINE_CONSUMER] : lost->why[TERN_ONLINE_PUBLISHER];
    (void)tern_copy(ret_why, TERN_SENTENCE_SIZE, why);
    (void)pthread_mutex_unlock(&lost->lock);
    return ret_why[0] != '\0';
}

/* What is switched off by it. */
static const char *const lacks[] = {
    [TERN_LACKS_COMPARING] = "may not configure what is on the broker: its settings were not compared with ours",
    [TERN_LACKS_BINDING] = "may not bind these queues on the broker: routes that are missing are not mended",
    [TERN_LACKS_OWNER] = "may not own a queue on the broker: nothing keeps a second daemon from its queue",
    [TERN_LACKS_CLAIM] = "may not mark its queue on the broker: nothing keeps another store from it",
    [TERN_LACKS_MARKERS] = "may not mark a queue on the broker: that the broker loses one goes unnoticed",
};

void tern_app_lacks(void *self, enum tern_lack lack, const char *names)
{
    struct tern_app *app = self;
    unsigned bit = 1U << (unsigned)lack;
    atomic_fetch_or(&app->status.lacking, bit);
    if ((atomic_fetch_or(&app->status.lacks, bit) & bit) != 0) return;
    tern_log_warn(app->log, lacks[lack], TERN_STR("names", names));
}
