/* rabbitmq_c.h - includes the headers of rabbitmq-c, which moved with version 0.12. Private to common/amqp. */
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
