/* main.c - inventory-service: gives an order all of its lines or none, and takes them back when it is cancelled. */
#include "inventory.h"

int main(int argc, char **argv)
{
    return tern_service_main(&inventory_service, argc, argv);
}
