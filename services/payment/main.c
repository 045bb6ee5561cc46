/* main.c - payment-service: charges what was ordered, once, and gives it back when the order is cancelled. */
#include "payment.h"

int main(int argc, char **argv)
{
    return tern_service_main(&payment_service, argc, argv);
}
