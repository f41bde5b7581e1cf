/* Names of attempts: their order, and their form as a folder's name, "ID.replica.attempt". */
#ifndef WEIR_ENGINE_ATTEMPT_KEY_H
#define WEIR_ENGINE_ATTEMPT_KEY_H

#include "weir/engine.h"

#define KEY_NAME_BYTES 64

int key_order(const struct weir_attempt_key *a, const struct weir_attempt_key *b);
void key_name(const struct weir_attempt_key *key, char ret[static KEY_NAME_BYTES]);
/* -EINVAL for a name that key_name() does not give. */
int key_from_name(const char *name, struct weir_attempt_key *ret);

#endif
