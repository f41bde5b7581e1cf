#!/usr/bin/env python3
"""Two sites, a queue, one round, through libweir's C interface with ctypes: no bindings to build.

    python3 place.py [path of libweir.so]
"""
import ctypes
import sys

HUB, EDGE = 0, 2  # enum weir_tier
REVIEW_PASSED = 2  # enum weir_review
JOB, SERVICE = 0, 1  # enum weir_kind
WORKERS, CPU_MILLI, MEMORY_MIB, CHIP_MILLI, TIME_LIMIT_US = 0, 1, 2, 3, 12  # enum weir_field
MODELS, REGIONS = 0, 2  # enum weir_list
DONE = 0  # enum weir_end
HOUR_US = 3_600_000_000


class Placement(ctypes.Structure):
    _fields_ = [("demand", ctypes.c_uint64), ("replica", ctypes.c_uint32), ("site", ctypes.c_uint32),
                ("worker_count", ctypes.c_uint32), ("candidates", ctypes.c_uint32), ("second_site", ctypes.c_uint32),
                ("flags", ctypes.c_uint32), ("score_micro", ctypes.c_int64), ("second_score_micro", ctypes.c_int64)]


class Slot(ctypes.Structure):
    _fields_ = [("worker", ctypes.c_uint32), ("group", ctypes.c_uint32), ("node", ctypes.c_uint32),
                ("chip_milli", ctypes.c_uint32), ("chips", ctypes.c_uint64)]


class Waiting(ctypes.Structure):
    _fields_ = [("demand", ctypes.c_uint64), ("replica", ctypes.c_uint32), ("site", ctypes.c_uint32),
                ("count", ctypes.c_uint64), ("have", ctypes.c_int64), ("want", ctypes.c_int64),
                ("reserved_us", ctypes.c_int64)]


class Bound(ctypes.Structure):
    _fields_ = [("value", ctypes.c_int64), ("queued", ctypes.c_int64), ("steps", ctypes.c_uint32),
                ("pooled", ctypes.c_uint32)]


POINTER, TEXT, INT, LONG = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int64
SIGNATURES = {  # what each function gives, and takes
    "weir_match_abi": (INT, []),
    "weir_problem": (TEXT, [POINTER]),
    "weir_network_new": (POINTER, []),
    "weir_network_free": (None, [POINTER]),
    "weir_network_add_chip": (LONG, [POINTER, TEXT, INT, INT, LONG, LONG]),
    "weir_network_add_site": (LONG, [POINTER, TEXT, INT, TEXT]),
    "weir_network_site_price": (INT, [POINTER, LONG, LONG, LONG, LONG]),
    "weir_network_add_nodes": (LONG, [POINTER, LONG, TEXT, LONG, LONG, LONG]),
    "weir_network_nodes_chips": (INT, [POINTER, LONG, LONG, TEXT, LONG]),
    "weir_demand_new": (POINTER, [INT]),
    "weir_demand_free": (None, [POINTER]),
    "weir_demand_set": (INT, [POINTER, INT, LONG]),
    "weir_demand_add": (INT, [POINTER, INT, TEXT]),
    "weir_matcher_new": (POINTER, [POINTER, POINTER, ctypes.c_uint64]),
    "weir_matcher_free": (None, [POINTER]),
    "weir_submit": (INT, [POINTER, ctypes.c_uint64, POINTER, TEXT]),
    "weir_end": (INT, [POINTER, ctypes.c_uint64, ctypes.c_uint32, LONG, INT]),
    "weir_round": (INT, [POINTER, LONG, ctypes.c_uint64, ctypes.POINTER(POINTER)]),
    "weir_plan_free": (None, [POINTER]),
    "weir_plan_value": (LONG, [POINTER]),
    "weir_plan_placement_count": (ctypes.c_size_t, [POINTER]),
    "weir_plan_placement": (INT, [POINTER, ctypes.c_size_t, ctypes.POINTER(Placement)]),
    "weir_plan_placement_slot": (INT, [POINTER, ctypes.c_size_t, ctypes.c_uint32, ctypes.POINTER(Slot)]),
    "weir_plan_waiting_count": (ctypes.c_size_t, [POINTER]),
    "weir_plan_waiting": (INT, [POINTER, ctypes.c_size_t, ctypes.POINTER(Waiting)]),
    "weir_plan_waiting_reason": (TEXT, [POINTER, ctypes.c_size_t]),
    "weir_explain": (POINTER, [POINTER, ctypes.c_uint64, LONG]),
    "weir_text_free": (None, [POINTER]),
    "weir_bound": (INT, [POINTER, ctypes.POINTER(Bound)]),
}


def load(path):
    library = ctypes.CDLL(path)
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    if library.weir_match_abi() != 1:
        raise SystemExit("place: this libweir has another interface")
    return library


def must(library, thing, result):
    """What a call gave, when that was not an error."""
    if result is None or result < 0:
        raise SystemExit("place: " + library.weir_problem(thing).decode())
    return result


def make_network(library):
    network = library.weir_network_new()
    must(library, network, library.weir_network_add_chip(network, b"ascend-910b", 1, REVIEW_PASSED, 65536, 400))
    for name, tier, region, nodes, price in ((b"guian-hub", HUB, b"guizhou", 4, 4_000_000),
                                             (b"shanghai-edge", EDGE, b"shanghai", 1, 6_000_000)):
        site = must(library, network, library.weir_network_add_site(network, name, tier, region))
        must(library, network, library.weir_network_site_price(network, site, 100_000, 10_000, price))
        group = must(library, network, library.weir_network_add_nodes(network, site, b"nodes", nodes, 192_000, 1_048_576))
        must(library, network, library.weir_network_nodes_chips(network, site, group, b"ascend-910b", 8))
    return network


def submit(library, matcher, number, tenant, kind=JOB, regions=(), **fields):
    keys = {"workers": WORKERS, "cpu_milli": CPU_MILLI, "memory_mib": MEMORY_MIB, "chip_milli": CHIP_MILLI,
            "time_limit_us": TIME_LIMIT_US}
    demand = library.weir_demand_new(kind)
    for field, value in fields.items():
        must(library, demand, library.weir_demand_set(demand, keys[field], value))
    for region in regions:
        must(library, demand, library.weir_demand_add(demand, REGIONS, region))
    must(library, matcher, library.weir_submit(matcher, number, demand, tenant))
    library.weir_demand_free(demand)


def decide(library, matcher, now_us):
    plan = POINTER()
    must(library, matcher, library.weir_round(matcher, now_us, 0, ctypes.byref(plan)))
    for index in range(library.weir_plan_placement_count(plan)):
        placement, slot = Placement(), Slot()
        library.weir_plan_placement(plan, index, placement)
        print(f"demand {placement.demand}, replica {placement.replica}: site {placement.site},",
              f"{placement.score_micro / 1e6:.2f} an hour")
        for worker in range(placement.worker_count):
            library.weir_plan_placement_slot(plan, index, worker, slot)
            print(f"    worker {slot.worker}: group {slot.group}, node {slot.node}, chips {slot.chips:#x}")
    for index in range(library.weir_plan_waiting_count(plan)):
        waiting = Waiting()
        library.weir_plan_waiting(plan, index, waiting)
        print(f"demand {waiting.demand} waits:", library.weir_plan_waiting_reason(plan, index).decode())
    value = library.weir_plan_value(plan)
    library.weir_plan_free(plan)
    return value


def main():
    library = load(sys.argv[1] if len(sys.argv) > 1 else "libweir.so.1")
    network = make_network(library)
    matcher = must(library, network, library.weir_matcher_new(network, None, 0))
    submit(library, matcher, 1, b"company", workers=3, cpu_milli=64_000, memory_mib=262_144, chip_milli=8000,
           time_limit_us=6 * HOUR_US)
    submit(library, matcher, 2, b"university", workers=2, cpu_milli=64_000, memory_mib=262_144, chip_milli=8000,
           time_limit_us=6 * HOUR_US)
    submit(library, matcher, 3, b"shop", kind=SERVICE, regions=[b"shanghai"], workers=3, cpu_milli=4000,
           memory_mib=16_384, chip_milli=200)
    bound = Bound()
    must(library, matcher, library.weir_bound(matcher, bound))
    value = decide(library, matcher, 0)
    print(f"placed {value} milli-chips; no plan places more than {bound.value}")

    why = library.weir_explain(matcher, 2, HOUR_US)
    print("\nan hour later, demand 2:\n" + ctypes.cast(must(library, matcher, why), TEXT).value.decode())
    library.weir_text_free(why)

    must(library, matcher, library.weir_end(matcher, 1, 0, 2 * HOUR_US, DONE))
    print("demand 1 has ended:")
    decide(library, matcher, 2 * HOUR_US)
    library.weir_matcher_free(matcher)
    library.weir_network_free(network)


if __name__ == "__main__":
    main()
