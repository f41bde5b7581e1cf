/* The page's files, put into the binary by the build (web/embed.py). */
#ifndef WEIR_API_ASSETS_H
#define WEIR_API_ASSETS_H

#include <stddef.h>

struct asset {
	const char *path;         /* "/", "/assets/app.js" */
	const char *content_type;
	const char *etag;         /* with its quotes */
	const unsigned char *data;
	size_t length;
};

extern const struct asset page_assets[];
extern const size_t page_asset_count;

#endif
