#include "match/decay.h"

#define POWER_BITS 62

/* 2^(2^-i) for i = 1, 2, ... in units of 2^-62, rounded down. A bit of the exponent is one factor. */
static const uint64_t roots[64] = {
	0x5a827999fcef3242, 0x4c1bf828c6dc54b7, 0x45cae0f1f545eb73, 0x42d561b3e6243d8a,
	0x4166c34c5615d0eb, 0x40b268f9de0183b9, 0x4058f6a7ecccd5b6, 0x402c6be96af2fb58,
	0x4016321b687027a8, 0x400b18178ba33b14, 0x40058bce410147e8, 0x4002c5d7bff71dae,
	0x400162e807ee7e5b, 0x4000b1730df6a524, 0x400058b9497b8151, 0x40002c5c955dd701,
	0x4000162e46d6f26b, 0x40000b1722757b1b, 0x4000058b90fd3e0c, 0x400002c5c86f3f26,
	0x40000162e433c79b, 0x400000b17218edcf, 0x40000058b90c3968, 0x4000002c5c860d54,
	0x400000162e4302d2, 0x4000000b17218073, 0x400000058b90bffc, 0x40000002c5c85fee,
	0x4000000162e42ff3, 0x40000000b17217f8, 0x4000000058b90bfc, 0x400000002c5c85fe,
	0x40000000162e42fe, 0x400000000b17217f, 0x40000000058b90bf, 0x4000000002c5c85f,
	0x400000000162e42f, 0x4000000000b17217, 0x400000000058b90b, 0x40000000002c5c85,
	0x4000000000162e42, 0x40000000000b1721, 0x4000000000058b90, 0x400000000002c5c8,
	0x40000000000162e4, 0x400000000000b172, 0x40000000000058b9, 0x4000000000002c5c,
	0x400000000000162e, 0x4000000000000b17, 0x400000000000058b, 0x40000000000002c5,
	0x4000000000000162, 0x40000000000000b1, 0x4000000000000058, 0x400000000000002c,
	0x4000000000000016, 0x400000000000000b, 0x4000000000000005, 0x4000000000000002,
	0x4000000000000001, 0x4000000000000000, 0x4000000000000000, 0x4000000000000000,
};

uint64_t decay_power(uint64_t fraction)
{
	uint64_t power = UINT64_C(1) << POWER_BITS;

	while (fraction) { /* the leading bit first */
		int bit = __builtin_clzll(fraction);

		power = (uint64_t)((unsigned __int128)power * roots[bit] >> POWER_BITS);
		fraction &= ~(UINT64_C(1) << (63 - bit));
	}
	return power;
}

void decay_at(int64_t half_life_us, int64_t time_us, struct decay_moment *ret)
{
	int64_t halves = time_us / half_life_us, rest_us = time_us % half_life_us;
	uint64_t power = decay_power((uint64_t)(((unsigned __int128)rest_us << 64) / (uint64_t)half_life_us));

	ret->epoch = halves / DECAY_EPOCH_HALVES;
	ret->growth = power >> (POWER_BITS - DECAY_FRACTION_BITS) << (halves % DECAY_EPOCH_HALVES);
}

__int128 decay_shift(__int128 sum, int64_t epochs)
{
	if (epochs <= 0)
		return sum;
	if (epochs > 126 / DECAY_EPOCH_HALVES)
		return 0;
	return sum / ((__int128)1 << (epochs * DECAY_EPOCH_HALVES));
}
