/* sim_bus.h - what the simulated broker and the simulated links share: connections made of two pipes of frames.
 *
 * A pipe keeps order and takes time; a frame that was put into a deaf pipe is gone. The broker's end of a connection lives
 * on for a while when the client's is gone: so long what it had handed out comes to nobody else. */
#ifndef SIM_BUS_H
#define SIM_BUS_H

#include "sim.h"

enum sim_frame_kind {
    SIM_FRAME_PUBLISH,
    SIM_FRAME_ACK,
    SIM_FRAME_CONSUME,
    SIM_FRAME_DELIVER,
    SIM_FRAME_CONFIRM,
    SIM_FRAME_RETURN,
    SIM_FRAME_BLOCKED,
    SIM_FRAME_BIND,  /* an event of the catalogue to the queue of the client */
    SIM_FRAME_COUNT, /* of that queue, or of the dead letters; and its answer */
    SIM_FRAME_CLOSE
};

/* Also an entry of a queue, a message that is not acknowledged, a confirm that is due. */
struct sim_frame {
    enum sim_frame_kind kind;
    int64_t at;
    uint64_t number;    /* sequence, tag, prefetch, event, messages */
    enum sim_who queue; /* of a count; SIM_SERVICES: the dead letters */
    uint32_t consumers;
    bool multiple, good, redelivered, returned;
    struct sim_message *message;
};

struct sim_pipe {
    struct sim_frame *items;
    size_t first, count, room;
    bool deaf;
};

struct sim_frame *sim_pipe_at(const struct sim_pipe *pipe, size_t index);
void sim_pipe_push(struct sim_pipe *pipe, const struct sim_frame *frame);
void sim_pipe_push_front(struct sim_pipe *pipe, const struct sim_frame *frame);
struct sim_frame sim_pipe_pop(struct sim_pipe *pipe);
/* Lets go of the frames and their messages. */
void sim_pipe_clear(struct sim_pipe *pipe);
void sim_pipe_fini(struct sim_pipe *pipe);

struct sim_conn {
    int64_t serial;
    struct tern_amqp *link; /* NULL: the client is gone, and the broker has not noticed */
    struct sim_conn *next;
    struct sim_pipe to_server, to_client, unacked, confirms;
    bool confirming, mute, confirm_set, excused; /* excused: something happened that a client may give up for */
    enum sim_who queue;                          /* SIM_SERVICES: consumes nothing */
    uint64_t prefetch, tag, served;
    bool refused;     /* something that was published here */
    bool aside;       /* listens for control messages */
    unsigned beacons; /* of which producers: bits */
};

struct sim_queue {
    bool exists;
    uint64_t bindings; /* by enum shop_event */
    char claim[96];    /* whose the queue is; "": nobody's */
    int64_t owner;     /* serial of the connection that owns it; 0: none */
    unsigned markers;  /* bit by bit, of the services that publish to it */
    struct sim_pipe ready;
};

struct sim_broker {
    bool down, blocked;
    int64_t up_at;
    int generation; /* counts the wipes: what was delayed before one is gone */
    struct sim_queue queues[SIM_SERVICES];
    struct sim_conn *conns;
    int64_t serial;
    int delayed; /* messages that come later */
};

struct tern_amqp {
    struct tern_amqp_owner owner;
    enum sim_who who;
    bool publisher, connected, blocked, in_set_up, standing_by;
    struct sim_conn *conn;
    uint64_t connects, sequence;
    int64_t work_at, connect_at, connected_at, deaf_since, probe_at;
    unsigned attempt;
};

struct sim_conn *sim_broker_connect(struct tern_amqp *link); /* NULL: refused */
/* The client has closed, or is gone; what it sent last may still come. */
void sim_broker_leave(struct sim_conn *conn, bool orderly);
void sim_broker_serve(struct sim_conn *conn);
void sim_broker_send(struct sim_conn *conn, struct sim_frame frame);
void sim_client_send(struct sim_conn *conn, struct sim_frame frame);
/* What a link hands over is looked at: whether it may be said, or let go. */
void sim_watch_publish(const struct tern_amqp *link, struct sim_message *message);
void sim_watch_ack(const struct tern_amqp *link, uint64_t tag);

#endif
