/* links.c - what consumer and publisher report about their links: up, lost, blocked, a missing right.
 *
 * A cause is logged once, not once per attempt; a new cause is logged again. No lock is held while a line is written.
 * Never decides anything: readiness, worker and writer read the state. */
#include "links.h"

static const char *const link_names[TERN_LINKS] = {"consumer", "publisher"};

/* The log line of each kind of trouble; the broker's own sentence stands beside it as "err". */
static const char *const troubles[] = {
    [TERN_AMQP_OTHER] = "the connection to the broker does not come up, trying again",
    [TERN_AMQP_UNREACHED] = "the broker is not there, trying again",
    [TERN_AMQP_LOGIN] = "the broker refuses our user or password, trying again",
    [TERN_AMQP_VHOST] = "the broker refuses the vhost, trying again",
    [TERN_AMQP_TOPOLOGY] = "the broker has what we declare with other settings, trying again",
    [TERN_AMQP_RIGHT] = "our user of the broker lacks a right, trying again",
};

/* The log line of each missing right: what no longer works without it. */
static const char *const lacks[] = {
    [TERN_LACKS_COMPARING] = "may not configure what is on the broker: its settings were not compared with ours",
    [TERN_LACKS_BINDING] = "may not bind these queues on the broker: routes that are missing are not mended",
    [TERN_LACKS_OWNER] = "may not own a queue on the broker: nothing keeps a second daemon from its queue",
    [TERN_LACKS_CLAIM] = "may not mark its queue on the broker: nothing keeps another store from it",
    [TERN_LACKS_MARKERS] = "may not mark a queue on the broker: that the broker loses one goes unnoticed",
};

void tern_links_init(struct tern_links *links, struct tern_work_queue *queue, struct tern_log *log,
                     struct tern_metrics *metrics)
{
    *links = (struct tern_links){.clock = queue->clock, .queue = queue, .log = log, .metrics = metrics};
    (void)pthread_mutex_init(&links->lock, NULL);
}

void tern_links_fini(struct tern_links *links)
{
    (void)pthread_mutex_destroy(&links->lock);
}

/* A new connection is not blocked until the broker says so. */
void tern_links_connected(struct tern_links *links, enum tern_link link)
{
    if (link == TERN_LINK_PUBLISHER) atomic_store(&links->blocked, false);
    bool online = tern_links_set_flag(links, &links->up[link], true);
    if (link == TERN_LINK_CONSUMER) atomic_store(&links->declared, true);
    (void)pthread_mutex_lock(&links->lock);
    links->state[link].why[0] = '\0';
    links->state[link].reported = false;
    (void)pthread_mutex_unlock(&links->lock);
    tern_log_info(links->log, "connected to the broker", TERN_STR("link", link_names[link]));
    if (online) tern_work_wake(links->queue); /* timers that need the broker may fire */
}

void tern_links_lost(struct tern_links *links, enum tern_link link, enum tern_amqp_trouble trouble, const char *why)
{
    struct tern_link_state *state = &links->state[link];
    bool was_up = atomic_load(&links->up[link]);
    (void)tern_links_set_flag(links, &links->up[link], false);
    if (link == TERN_LINK_CONSUMER) atomic_store(&links->lacking, 0);
    (void)pthread_mutex_lock(&links->lock);
    /* A trouble without a name is no new cause. */
    bool report = !state->reported || (trouble != TERN_AMQP_OTHER && trouble != state->trouble);
    tern_copy_cut(state->why, sizeof state->why, why);
    state->reported = true;
    if (report) state->trouble = trouble;
    (void)pthread_mutex_unlock(&links->lock);
    if (report)
        tern_log_warn(links->log, was_up ? "lost the broker, trying again" : troubles[trouble],
                      TERN_STR("link", link_names[link]), TERN_STR("err", why));
}

void tern_links_blocked(struct tern_links *links, bool blocked, const char *reason)
{
    if (tern_links_set_flag(links, &links->blocked, blocked)) tern_work_wake(links->queue);
    if (blocked)
        tern_log_warn(links->log, "the broker takes no messages now", TERN_STR("err", reason));
    else
        tern_log_info(links->log, "the broker takes messages again", TERN_STR("link", link_names[TERN_LINK_PUBLISHER]));
}

void tern_links_lacks(struct tern_links *links, enum tern_lack lack, const char *names)
{
    unsigned bit = 1U << (unsigned)lack;
    atomic_fetch_or(&links->lacking, bit); /* of this connection; `lacks` remembers what was logged */
    if ((atomic_fetch_or(&links->lacks, bit) & bit) != 0) return;
    tern_log_warn(links->log, lacks[lack], TERN_STR("names", names));
}

bool tern_links_lost_because(struct tern_links *links, char ret_why[TERN_SENTENCE_SIZE])
{
    const struct tern_link_state *state = links->state;
    (void)pthread_mutex_lock(&links->lock);
    bool consumer = state[TERN_LINK_CONSUMER].why[0] != '\0';
    tern_copy_cut(ret_why, TERN_SENTENCE_SIZE, state[consumer ? TERN_LINK_CONSUMER : TERN_LINK_PUBLISHER].why);
    (void)pthread_mutex_unlock(&links->lock);
    return ret_why[0] != '\0';
}
