// One demand's story: its state and why, what it asked for, where it was placed, what happened when.
import { post, type Demand, type Placement, type StoryLine, type Why } from "./api";
import { h, type Child } from "./dom";
import { clock, count, duration, memory, percent, plural } from "./format";
import { engineTag, pill, siteLink } from "./lists";
import { facts, head } from "./panel-parts";
import { ended, state } from "./state";

const PLACEMENTS_SHOWN = 50,
	CHANGES_SHOWN = 3,
	STORY_SHOWN = 300;

function nodes(placement: Placement): string {
	const workers = placement.workers ?? [];
	if (!workers.length) return "";
	const chips = workers.reduce((sum, worker) => sum + worker.chips.length, 0);
	const names = [...new Set(workers.map((worker) => worker.node))];
	return `${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}${chips ? `; ${plural(chips, "chip")} ${workers[0].chip_model}` : ""}`;
}

function outcome(placement: Placement): string {
	if (placement.message) return placement.message;
	if (placement.exit_signal > 0) return `ended by signal ${placement.exit_signal}`;
	return placement.state === "ended" && placement.exit_code > 0 ? `exit status ${placement.exit_code}` : "";
}

function placementRow(placement: Placement, service: boolean): HTMLElement {
	const word = placement.outcome && placement.outcome !== "none" ? placement.outcome : placement.state;
	return h(
		"tr",
		{},
		h("td", { class: "number" }, service ? `${placement.replica}.${placement.attempt}` : String(placement.attempt)),
		h("td", {}, siteLink(placement.site), h("small", {}, `${placement.tier} · ${placement.engine}`)),
		h("td", {}, pill(word)),
		h(
			"td",
			{},
			nodes(placement),
			h(
				"small",
				{},
				[outcome(placement), placement.candidates ? `chosen of ${plural(placement.candidates, "site")}` : ""]
					.filter((part) => part)
					.join("; "),
			),
		),
	);
}

function placements(demand: Demand): Child[] {
	const all = demand.placements ?? [],
		service = demand.kind === "service";
	if (!all.length) return [];
	return [
		h("h3", {}, "Placements"),
		h(
			"table",
			{ class: "plain" },
			h(
				"thead",
				{},
				h(
					"tr",
					{},
					...[service ? "Replica.attempt" : "Attempt", "Site", "State", "On"].map((title) =>
						h("th", { scope: "col" }, title),
					),
				),
			),
			h("tbody", {}, ...all.slice(0, PLACEMENTS_SHOWN).map((placement) => placementRow(placement, service))),
		),
		all.length > PLACEMENTS_SHOWN ? h("p", { class: "empty" }, `and ${count(all.length - PLACEMENTS_SHOWN)} more`) : null,
	];
}

// What would let it start now, the smallest change first; each was tried by matching again.
function changeParts(why: Why): Child[] {
	if (!why.changes.length) return why.change ? [h("p", { class: "why-change" }, why.change)] : [];
	return [
		h("h4", {}, "Would let it start now"),
		h("ul", { class: "changes" }, ...why.changes.slice(0, CHANGES_SHOWN).map((change) => h("li", {}, change.sentence))),
	];
}

// Reasons that may pass first, then those that waiting does not change.
function whyParts(why: Why | null): Child[] {
	if (!why) return [];
	const part = (title: string, never: boolean): Child[] => {
		const groups = why.groups.filter((group) => group.never === never);
		if (!groups.length) return [];
		return [
			h("h4", {}, title),
			h(
				"ul",
				{ class: "why" },
				...groups.map((group) =>
					h(
						"li",
						{ class: never ? "never" : "busy", "data-code": group.code },
						group.sentence,
						group.examples.length
							? h(
									"small",
									{},
									...group.examples.flatMap((name, at) => [at ? ", " : "", siteLink(name)]),
									group.sites > group.examples.length ? ", …" : "",
								)
							: null,
					),
				),
			),
		];
	};
	return [
		h("h3", {}, "Why it waits"),
		h("p", { class: "why-summary" }, why.summary),
		why.ahead
			? h(
					"p",
					{ class: "why-ahead" },
					`${count(why.ahead)} before it in the queue: `,
					why.ahead_by.map((one) => `${count(one.count)} of ${one.tenant}`).join(", "),
				)
			: null,
		why.start ? h("p", { class: "why-start" }, `Start: ${why.start}`) : null,
		...changeParts(why),
		...part("May pass", false),
		...part("Stands, however long it waits", true),
	];
}

function cancelButton(demand: Demand, changed: () => void): Child {
	if (ended(demand.state) || demand.state === "stopping") return null;
	const said = h("span", { class: "quiet", role: "alert" });
	const button = h(
		"button",
		{
			type: "button",
			"data-key": "cancel",
			onclick: () => {
				button.disabled = true;
				said.textContent = "";
				post(`/v1/demands/${demand.id}/cancel`, {}).then(
					() => {
						state.touch("*");
						changed();
					},
					(error: unknown) => {
						button.disabled = false;
						said.textContent = error instanceof Error ? error.message : "it could not be cancelled";
					},
				);
			},
		},
		"Cancel it",
	);
	return h("p", { class: "act" }, button, said);
}

// When what waits will start, as estimated.
function starts(demand: Demand): string {
	const at = demand.estimated_start_us,
		left = at - Date.now() * 1000;
	if (!at) return "";
	if (at < 0) return "not known";
	return left < 1e6 ? "at any moment" : `in about ${duration(left)}`;
}

function times(demand: Demand): [string, string][] {
	const ran = demand.started_us ? `, after ${duration(demand.ended_us - demand.started_us)}` : "";
	return [
		["Accepted", clock(demand.accepted_us)],
		["Starts", starts(demand)],
		[
			"Started",
			demand.started_us ? `${clock(demand.started_us)}, after ${duration(demand.started_us - demand.accepted_us)}` : "",
		],
		["Ended", demand.ended_us ? clock(demand.ended_us) + ran : ""],
	];
}

export function demandParts(demand: Demand, story: StoryLine[], why: Why | null, changed: () => void): Child[] {
	const shape = `${plural(demand.cpu_milli / 1000, "core")}, ${memory(demand.memory_mib)}${demand.chip_milli ? `, ${plural(demand.chip_milli / 1000, "chip")}` : ""}`;
	const lines = story.slice(-STORY_SHOWN);
	return [
		head(demand.name, pill(demand.state), demand.simulated ? engineTag("simulated") : null),
		why ? null : h("p", { class: "reason" }, demand.reason),
		demand.state === "running" && demand.progress_permille >= 0
			? h("progress", {
					max: 1000,
					value: demand.progress_permille,
					"aria-label": `${percent(demand.progress_permille / 1000)} done`,
				})
			: null,
		cancelButton(demand, changed),
		...whyParts(why),
		facts([
			["Title", demand.title],
			["Id", h("code", {}, demand.id)],
			["Tenant", demand.tenant],
			["Kind", demand.kind],
			[demand.kind === "service" ? "Replicas" : "Workers", `${count(demand.workers)}, each ${shape}`],
			["Priority", String(demand.priority)],
			...times(demand),
			["Command", demand.spec?.command?.length ? h("code", { class: "command" }, demand.spec.command.join(" ")) : ""],
		]),
		...placements(demand),
		h("h3", {}, "Story"),
		story.length > lines.length
			? h("p", { class: "empty" }, `The last ${count(lines.length)} of ${count(story.length)} events.`)
			: null,
		lines.length
			? h(
					"ol",
					{ class: "story" },
					...lines.map((line) => h("li", {}, h("time", {}, clock(line.time_us)), h("span", {}, line.sentence))),
				)
			: h("p", { class: "empty" }, "Nothing yet."),
	];
}
