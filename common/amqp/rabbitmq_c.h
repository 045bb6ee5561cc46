/* rabbitmq_c.h - the one place that knows where rabbitmq-c keeps its headers (they moved with 0.12). */
#ifndef TERN_AMQP_RABBITMQ_C_H
#define TERN_AMQP_RABBITMQ_C_H

#include <sys/time.h>

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

#endif
