/* folder.h - a temporary folder for one test: made, and removed with all that is in it. */
#ifndef TERN_TEST_FOLDER_H
#define TERN_TEST_FOLDER_H

enum { TEST_FOLDER_SIZE = 64 };

/* Makes /tmp/tern-<name>-XXXXXX; stops the program when it cannot. */
void test_folder_make(const char *name, char folder[TEST_FOLDER_SIZE]);
void test_folder_remove(const char *folder);

#endif
