/* config_words.c - the words of the settings: flags, lists, and the word that was meant by a mistyped one. Pure. */
#include "config_private.h"

#include <ctype.h>
#include <string.h>

void tern_config_flag_name(const char *name, char flag[CONFIG_NAME_SIZE])
{
    size_t length = strlen(name);
    TERN_ASSERT(length + sizeof "--_FILE" <= CONFIG_NAME_SIZE, "the name of a setting is short");
    memcpy(flag, "--", 2);
    for (size_t i = 0; i <= length; i++)
        flag[2 + i] = (char)(name[i] == '_' ? '-' : tolower((unsigned char)name[i]));
}

/* Used for aliases and for the words of a choice; NULL counts as an empty list. */
const char *tern_config_next_word(const char **at, size_t *ret_length)
{
    if (!*at || **at == '\0') return NULL;
    const char *word = *at;
    *ret_length = strcspn(word, "|");
    *at = word + *ret_length;
    if (**at == '|') (*at)++;
    return word;
}

/* The edit distance of two words (Levenshtein), ignoring case; SIZE_MAX for long words. */
static size_t distance_of(const char *a, const char *b)
{
    size_t row[CONFIG_NAME_SIZE + 1];
    size_t width = strlen(b);
    if (width >= CONFIG_NAME_SIZE || strlen(a) >= CONFIG_NAME_SIZE) return SIZE_MAX;
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t best = diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[width];
}

/* One edit, and one more for every four characters, count as a slip of the keyboard. */
void tern_config_suggest(struct config_suggestion *suggestion, const char *word, const char *candidate)
{
    size_t distance = distance_of(word, candidate);
    bool far = distance > 1 + strlen(candidate) / 4;
    if (far || (suggestion->word[0] != '\0' && distance >= suggestion->distance)) return;
    tern_copy_whole(suggestion->word, sizeof suggestion->word, candidate);
    suggestion->distance = distance;
}
