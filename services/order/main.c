/* main.c - order-service: takes orders and leads each one to its end. */
#include "order_service.h"

int main(int argc, char **argv)
{
    return tern_service_main(&order_service, argc, argv);
}
