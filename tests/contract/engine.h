/* What every engine must do (include/weir/engine.h, E1 to E6), as one set of tests that each engine's program runs. */
#ifndef TESTS_CONTRACT_ENGINE_H
#define TESTS_CONTRACT_ENGINE_H

#include "contract/engine_fixture.h"

/* The number of failures, for main to return. */
int engine_contract_run(const char *name, const struct weir_engine_ops *ops, bool real);

#endif
