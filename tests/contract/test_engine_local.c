#include "contract/engine.h"

int main(void)
{
	return engine_contract_run("engine_local", &weir_engine_local, true);
}
