/* main.c - notification-service: writes to customers and the administrator about what happened, once each. */
#include "notification.h"

int main(int argc, char **argv)
{
    return tern_service_main(&notification_service, argc, argv);
}
