/* Names of sites, regions, chip models, tenants, demands: lower-case letters, digits, '-', '.', '_';
 * they begin and end with a letter or digit; 1 to 63 bytes. Titles are free UTF-8 without control
 * characters, at most 200 bytes. */
#ifndef WEIR_MODEL_NAME_H
#define WEIR_MODEL_NAME_H

#include "base/err.h"

#define NAME_MAX_LENGTH 63
#define TITLE_MAX_LENGTH 200

int name_check(const char *name, struct err *err);
int title_check(const char *title, struct err *err);

#endif
