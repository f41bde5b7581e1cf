#include "contract/engine.h"

int main(void)
{
	return engine_contract_run("engine_simulated", &weir_engine_simulated, false);
}
