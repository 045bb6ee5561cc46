/* rebuild.c - the stages of a rebuild, each of them commands on the writer's thread.
 *
 * Some pages go round: the writer folds one while this thread reads and decodes others. At the end of the log the
 * last command reads the rest itself, on the writer's connection: when it swaps the tables, nobody can have appended an
 * event that they lack. Names: <table>_rebuilt, and after the swap <table>_replaced until it is gone. */
#include "rebuild.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/store/store.h"
#include "projection_store.h"

enum {
    ROOM = 512,     /* events of a page */
    PAGES = 8,      /* on their way: some units of the writer take long, and this thread need not wait for them */
    LAST_PAGES = 8, /* that the last command reads itself; when there are more, pages go on */
    NAME_SIZE = 128 /* of a table */
};

static const struct tern_conversation silent;

enum stage { STAGE_CLEAN, STAGE_FOLD, STAGE_INDEX, STAGE_SWAP };

/* A page on its way to the writer and back. */
struct paging {
    struct tern_rebuild *rebuild;
    struct tern_log_page page; /* owned; the writer's while it is in hand */
    struct tern_command_work folding;
    bool in_hand; /* `folding` was begun and is to be awaited */
};

struct tern_rebuild {
    const struct tern_projection *projection;
    struct tern_work_queue *queue;
    struct tern_db *reader;
    enum stage stage;
    struct paging pages[PAGES]; /* in turn */
    size_t next;                /* is read into; the oldest in hand */
    int64_t read_through, folded_through;

    /* Writer thread while a command runs. */
    void *state;      /* of the projection; owned */
    int64_t position; /* seq of the last event folded */
    bool failed;      /* the state lacks a page: none of the next may be folded */
    bool indexed;     /* the tables have all their indexes */
    bool done;        /* they are swapped */
};

/* Another name of a table; the caller's memory. */
static const char *name_of(const char *table, const char *ending, char name[NAME_SIZE])
{
    (void)snprintf(name, NAME_SIZE, "%s%s", table, ending);
    return name;
}

static struct tern_fold fold_of(const struct tern_rebuild *rebuild, struct tern_db *db)
{
    return (struct tern_fold){.db = db, .side = TERN_REBUILT, .state = rebuild->state};
}

static int run_command(struct tern_work_queue *queue, tern_command *run, void *argument, struct tern_error *err)
{
    return tern_work_command(queue, run, argument, &silent, err) == TERN_COMMITTED ? 0 : -1;
}

/* ---- what is left of others ---- */

struct cleaning {
    const struct tern_projection *projection;
    bool clean;
};

/* A part of one table at a time, so that the unit is short. */
static enum tern_outcome clean_part(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    struct cleaning *cleaning = argument;
    static const char *const endings[] = {"_replaced", "_rebuilt"};
    char name[NAME_SIZE];
    for (const char *const *table = cleaning->projection->tables; *table; table++)
        for (size_t i = 0; i < TERN_COUNT(endings); i++) {
            int gone = tern_db_table_drop(ctx->db, name_of(*table, endings[i], name), err);
            if (gone <= 0) return gone < 0 ? TERN_RETRY : TERN_DONE;
        }
    cleaning->clean = true;
    return TERN_DONE;
}

int tern_rebuild_clean(const struct tern_projection *projection, struct tern_work_queue *queue, struct tern_error *err)
{
    struct cleaning cleaning = {projection, false};
    return run_command(queue, clean_part, &cleaning, err) < 0 ? -1 : cleaning.clean;
}

/* ---- the stages, on the writer's thread ---- */

static enum tern_outcome make_tables(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    const struct tern_rebuild *rebuild = argument;
    char name[NAME_SIZE];
    for (const char *const *table = rebuild->projection->tables; *table; table++)
        if (tern_db_table_like(ctx->db, *table, name_of(*table, "_rebuilt", name), err) < 0) return TERN_RETRY;
    return TERN_DONE;
}

static int fold_into(struct tern_rebuild *rebuild, struct tern_db *db, const struct tern_log_page *page,
                     struct tern_error *err)
{
    const struct tern_projection *projection = rebuild->projection;
    const struct tern_fold fold = fold_of(rebuild, db);
    if (tern_log_page_fold(page, projection, &fold, err) < 0) return -1;
    rebuild->position = page->last_seq;
    return projection->write ? projection->write(&fold, false, err) : 0;
}

static enum tern_outcome fold_page(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    const struct paging *paging = argument;
    struct tern_rebuild *rebuild = paging->rebuild;
    if (!rebuild->failed) rebuild->failed = fold_into(rebuild, ctx->db, &paging->page, err) < 0;
    return rebuild->failed ? TERN_REJECT : TERN_DONE;
}

/* One of them at a time, so that the units are as short as can be. */
static enum tern_outcome make_index(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    struct tern_rebuild *rebuild = argument;
    const struct tern_projection *projection = rebuild->projection;
    const struct tern_fold fold = fold_of(rebuild, ctx->db);
    char name[NAME_SIZE];
    if (projection->write && projection->write(&fold, true, err) < 0) return TERN_REJECT;
    for (const char *const *table = projection->tables; *table; table++) {
        int all = tern_db_table_index(ctx->db, *table, name_of(*table, "_rebuilt", name), err);
        if (all <= 0) return all < 0 ? TERN_REJECT : TERN_DONE;
    }
    rebuild->indexed = true;
    return TERN_DONE;
}

static int swap_tables(const struct tern_rebuild *rebuild, struct tern_db *db, struct tern_error *err)
{
    char copy[NAME_SIZE], old[NAME_SIZE];
    const struct tern_projection *projection = rebuild->projection;
    for (const char *const *table = projection->tables; *table; table++)
        if (tern_db_table_swap(db, *table, name_of(*table, "_rebuilt", copy), name_of(*table, "_replaced", old), err) <
            0)
            return -1;
    return projection->in_unit ? 0 : tern_projection_save(db, projection->name, rebuild->position, err);
}

/* Folds what is left of the log, then swaps. Without a swap there was too much left for one unit. */
static enum tern_outcome fold_rest(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    struct tern_rebuild *rebuild = argument;
    const struct tern_projection *projection = rebuild->projection;
    const struct tern_fold fold = fold_of(rebuild, ctx->db);
    struct tern_log_page *page = &rebuild->pages[rebuild->next].page;
    for (int i = 0; i < LAST_PAGES; i++) {
        if (tern_log_page_read(page, ctx->db, projection, rebuild->position, err) < 0 ||
            fold_into(rebuild, ctx->db, page, err) < 0)
            return TERN_REJECT;
        if (page->read == page->room) continue;
        if ((projection->write && projection->write(&fold, true, err) < 0) || swap_tables(rebuild, ctx->db, err) < 0)
            return TERN_REJECT;
        rebuild->done = true;
        break;
    }
    return TERN_DONE;
}

/* ---- the steps ---- */

struct tern_rebuild *tern_rebuild_begin(const struct tern_projection *projection,
                                        const struct tern_projector_settings *settings)
{
    struct tern_rebuild *rebuild = tern_alloc(sizeof *rebuild);
    *rebuild = (struct tern_rebuild){.projection = projection,
                                     .queue = settings->queue,
                                     .reader = settings->reader,
                                     .state = tern_alloc(projection->state_size + 1)};
    for (size_t i = 0; i < PAGES; i++) {
        struct paging *paging = &rebuild->pages[i];
        paging->rebuild = rebuild;
        paging->folding.run = fold_page;
        paging->folding.argument = paging;
        paging->folding.conversation = &silent;
        tern_log_page_init(&paging->page, settings->catalogue, ROOM);
    }
    return rebuild;
}

int64_t tern_rebuild_position(const struct tern_rebuild *rebuild)
{
    return rebuild->folded_through;
}

static int await_page(struct tern_rebuild *rebuild, struct paging *paging, struct tern_error *err)
{
    if (!paging->in_hand) return 0;
    paging->in_hand = false;
    if (tern_work_command_await(rebuild->queue, &paging->folding, err) != TERN_COMMITTED) return -1;
    rebuild->folded_through = paging->page.last_seq;
    return 0;
}

/* Oldest first: the first to fail says why. */
static int await_all(struct tern_rebuild *rebuild, struct tern_error *err)
{
    int status = 0;
    for (size_t i = 0; i < PAGES; i++)
        if (await_page(rebuild, &rebuild->pages[(rebuild->next + i) % PAGES], status == 0 ? err : NULL) < 0)
            status = -1;
    return status;
}

/* Reads a page while the writer folds those before, and hands it over. */
static int step_fold(struct tern_rebuild *rebuild, struct tern_error *err)
{
    struct paging *paging = &rebuild->pages[rebuild->next];
    struct tern_log_page *page = &paging->page;
    if (await_page(rebuild, paging, err) < 0) return -1;
    if (tern_log_page_read(page, rebuild->reader, rebuild->projection, rebuild->read_through, err) < 0) return -1;
    rebuild->read_through = page->last_seq;
    if (page->read < page->room) rebuild->stage = STAGE_INDEX;
    rebuild->next = (rebuild->next + 1) % PAGES;
    paging->in_hand = true;
    tern_work_command_begin(rebuild->queue, &paging->folding);
    return 0;
}

static int step_index(struct tern_rebuild *rebuild, struct tern_error *err)
{
    if (await_all(rebuild, err) < 0 || run_command(rebuild->queue, make_index, rebuild, err) < 0) return -1;
    if (rebuild->indexed) rebuild->stage = STAGE_SWAP;
    return 0;
}

static int step_swap(struct tern_rebuild *rebuild, struct tern_error *err)
{
    if (run_command(rebuild->queue, fold_rest, rebuild, err) < 0) return -1;
    rebuild->folded_through = rebuild->read_through = rebuild->position;
    return 0;
}

static int step_clean(struct tern_rebuild *rebuild, struct tern_error *err)
{
    int clean = tern_rebuild_clean(rebuild->projection, rebuild->queue, err);
    if (clean <= 0) return clean;
    rebuild->stage = STAGE_FOLD;
    return run_command(rebuild->queue, make_tables, rebuild, err);
}

enum tern_rebuild_state tern_rebuild_step(struct tern_rebuild *rebuild, struct tern_error *err)
{
    static int (*const steps[])(struct tern_rebuild *, struct tern_error *) = {
        [STAGE_CLEAN] = step_clean, [STAGE_FOLD] = step_fold, [STAGE_INDEX] = step_index, [STAGE_SWAP] = step_swap};
    if (steps[rebuild->stage](rebuild, err) < 0) return TERN_REBUILD_FAILED;
    return rebuild->done ? TERN_REBUILD_DONE : TERN_REBUILD_RUNS;
}

void tern_rebuild_destroy(struct tern_rebuild *rebuild)
{
    if (!rebuild) return;
    (void)await_all(rebuild, NULL);
    if (rebuild->projection->fini) rebuild->projection->fini(rebuild->state);
    for (size_t i = 0; i < PAGES; i++)
        tern_log_page_fini(&rebuild->pages[i].page);
    free(rebuild->state);
    free(rebuild);
}
