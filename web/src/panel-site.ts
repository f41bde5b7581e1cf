// One site: what it is, what is free, which links it has, what runs there.
import type { Demand, Site } from "./api";
import { h, type Child } from "./dom";
import { bandwidth, clock, cores, count, duration, memory, milliseconds, percent } from "./format";
import { conditionPill, engineTag, meter, pill, siteLink } from "./lists";
import { facts, head } from "./panel-parts";
import { state } from "./state";

const LINKS_SHOWN = 12;

function resource(name: string, free: number, all: number, say: (value: number) => string): HTMLElement | null {
	if (all === 0) return null;
	const used = 1 - free / all;
	return h(
		"tr",
		{},
		h("th", { scope: "row" }, name),
		h("td", { class: "number" }, say(free)),
		h("td", { class: "number" }, say(all)),
		h("td", { class: "number" }, percent(used), meter(used, `${name}: ${percent(used)} in use`)),
	);
}

function supply(site: Site): HTMLElement {
	return h(
		"table",
		{ class: "plain" },
		h("thead", {}, h("tr", {}, ...["", "Free", "Of", "In use"].map((title) => h("th", { scope: "col" }, title)))),
		h(
			"tbody",
			{},
			resource("Cores", site.cpu_free_milli, site.cpu_milli, cores),
			resource("Memory", site.memory_free_mib, site.memory_mib, memory),
			...site.chip_uses.map((use) => resource(use.model, use.free, use.count, count)),
		),
	);
}

function links(site: Site): Child[] {
	const found = state.links
		.filter((link) => link.from === site.name || link.to === site.name)
		.sort((a, b) => a.rtt_us - b.rtt_us);
	if (!found.length) return [];
	return [
		h("h3", {}, "Links"),
		h(
			"table",
			{ class: "plain" },
			h(
				"tbody",
				{},
				...found
					.slice(0, LINKS_SHOWN)
					.map((link) =>
						h(
							"tr",
							{},
							h("td", {}, siteLink(link.from === site.name ? link.to : link.from)),
							h("td", { class: "number" }, milliseconds(link.rtt_us)),
							h("td", { class: "number" }, bandwidth(link.bandwidth_mbit)),
						),
					),
			),
		),
		found.length > LINKS_SHOWN ? h("p", { class: "empty" }, `and ${count(found.length - LINKS_SHOWN)} more`) : null,
	];
}

export function siteParts(site: Site, demands: Demand[]): Child[] {
	const seen = site.seconds_since_seen;
	return [
		head(site.title || site.name, conditionPill(site), engineTag(site.engine)),
		site.engine === "simulated"
			? h("p", { class: "quiet" }, "This site is simulated: its work only passes the time it declares.")
			: null,
		facts([
			["Name", h("code", {}, site.name)],
			["Where", `${site.tier} in ${site.region}`],
			["Operator", site.operator],
			[
				"Condition",
				site.condition_since_us
					? `since ${clock(site.condition_since_us)}${seen > 10 ? `, last seen ${duration(seen * 1e6)} ago` : ""}`
					: "no agent has reported yet",
			],
			["Draining", site.draining ? site.drain_reason || "yes" : ""],
			["Agent", site.agent],
			["Nodes", count(site.nodes)],
		]),
		...site.notes.map((note) => h("p", { class: "remark" }, note)),
		supply(site),
		h("h3", {}, "Demands here now"),
		demands.length
			? h(
					"table",
					{ class: "plain" },
					h(
						"tbody",
						{},
						...demands.map((demand) =>
							h(
								"tr",
								{},
								h("td", {}, h("a", { href: `#/demands/${demand.id}`, "data-key": `at-${demand.id}` }, demand.name)),
								h("td", {}, pill(demand.state)),
								h("td", {}, demand.tenant),
							),
						),
					),
				)
			: h("p", { class: "empty" }, "None."),
		...links(site),
	];
}
