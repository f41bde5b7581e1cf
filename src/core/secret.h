/* Secrets of tokens: made from the system's randomness, kept only as hashes. */
#ifndef WEIR_CORE_SECRET_H
#define WEIR_CORE_SECRET_H

#include <stdint.h>

#define SECRET_TEXT_SIZE 64 /* with the final 0 */

/* 256 random bits as text: "weir_" and base64url. */
void secret_new(char ret_text[SECRET_TEXT_SIZE]);
/* BLAKE2b of the text. A fast hash suffices: the secret is no password but 256 bits of entropy. */
void secret_hash(const char *text, uint8_t ret_hash[32]);

#endif
