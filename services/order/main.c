/* main.c - the order-service daemon. */
#include "order_service.h"

int main(int argc, char **argv)
{
    return tern_service_main(&order_service, argc, argv);
}
