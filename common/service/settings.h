/* settings.h - the settings that every service has. */
#ifndef TERN_SERVICE_SETTINGS_H
#define TERN_SERVICE_SETTINGS_H

#include "tern/config.h"

extern const struct tern_config_key tern_common_settings[];

/* Checks what a setting's kind cannot: URLs and addresses, by the parts that will use them. Adds one sentence per
 * fault; false when there is any. Opens no connection and no store. */
bool tern_settings_check(const struct tern_config *config, struct tern_text *faults);

#endif
