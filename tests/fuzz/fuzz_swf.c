/* Any bytes as a trace. What is accepted has whole values, and reads back as the same when it is written again. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "wire/swf.h"

static void write_jobs(const struct swf *swf, struct strbuf *out)
{
	for (size_t j = 0; j < swf->job_count; j++) {
		int64_t fields[SWF_FIELDS];

		memcpy(fields, &swf->jobs[j], sizeof(fields));
		for (int f = 0; f < SWF_FIELDS; f++) {
			if (fields[f] < -1 || fields[f] > SWF_VALUE_MAX)
				abort();
			strbuf_printf(out, "%" PRId64 "%c", fields[f], f + 1 == SWF_FIELDS ? '\n' : ' ');
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_arena struct arena arena = { 0 };
	cleanup_strbuf struct strbuf text = { 0 };
	struct err err = { "" };
	struct swf swf, again;

	if (swf_read((const char *)data, size, &arena, &swf, &err) < 0) {
		if (!err.text[0])
			abort();
		return 0;
	}
	write_jobs(&swf, &text);
	if (swf_read(text.data, text.length, &arena, &again, &err) < 0 || again.job_count != swf.job_count ||
	    memcmp(again.jobs, swf.jobs, swf.job_count * sizeof(*swf.jobs)) != 0)
		abort();
	return 0;
}
