#include "core/secret.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

void secret_new(char ret_text[SECRET_TEXT_SIZE])
{
	uint8_t random[32];

	if (sodium_init() < 0) {
		log_error("secret", "libsodium could not be initialised");
		abort();
	}
	randombytes_buf(random, sizeof(random));
	memcpy(ret_text, "weir_", 5);
	sodium_bin2base64(ret_text + 5, SECRET_TEXT_SIZE - 5, random, sizeof(random), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(random, sizeof(random));
}

void secret_hash(const char *text, uint8_t ret_hash[32])
{
	crypto_generichash(ret_hash, 32, (const unsigned char *)text, strlen(text), NULL, 0);
}
