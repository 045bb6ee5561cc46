/* online.h - how long the service has been connected: time that passes only while both links are up.
 *
 * Nobody can answer while the broker is away, so patience is measured with this time and not with the wall's: it goes
 * on from where the last run saved it, it is made of steady time, and no jump of a clock moves it. Any thread. */
#ifndef TERN_SERVICE_ONLINE_H
#define TERN_SERVICE_ONLINE_H

#include <pthread.h>

#include "tern/base.h"

enum tern_online_link { TERN_ONLINE_CONSUMER, TERN_ONLINE_PUBLISHER, TERN_ONLINE_LINKS };

struct tern_online {
    pthread_mutex_t lock;
    bool up[TERN_ONLINE_LINKS];
    int64_t total_ms; /* up to since_ms */
    int64_t since_ms; /* steady: both links are up since then, while they are */
};

void tern_online_init(struct tern_online *online, int64_t total_ms);
void tern_online_fini(struct tern_online *online);
/* A link came up or went away (or the broker takes nothing on it). True when the service has just come online. */
bool tern_online_set(struct tern_online *online, enum tern_online_link link, bool up, int64_t steady_ms);
bool tern_online_now(struct tern_online *online);
int64_t tern_online_ms(struct tern_online *online, int64_t steady_ms);

#endif
